/** `./build.sh run`, with another program in QEMU's place: real machines are booted by `tests/boot`. */
import assert from "node:assert/strict";
import { commandText, runCommand } from "../support/command.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Shows what it was told, and the line that tells of the end of a boot. */
const QEMU = `#!/bin/sh
printf '<%s> ' "$@"
printf '\\n… info    Frontloader 0.1.0 starts configuration=/x\\n'
`;

/** Boots what lies in a directory, and returns all that is said. */
async function run(directory: string, ...words: string[]): Promise<string> {
  Deno.writeTextFileSync(`${directory}/qemu-system-x86_64`, QEMU, { mode: 0o755 });
  const command = ["sh", "-c", 'exec "$0" run "$@" 2>&1', `${ROOT}build.sh`, directory, ...words];
  return await commandText(command, {
    env: { PATH: `${directory}:${Deno.env.get("PATH")}` },
  });
}

Deno.test("a disk.img boots as it is, in 512 MiB, and how long that took is printed", async () => {
  using directory = new TemporaryDirectory();
  const { path } = directory;
  Deno.writeTextFileSync(`${path}/disk.img`, "");
  const text = await run(path);
  assert(text.includes(`<file=${path}/disk.img,format=raw,if=virtio,snapshot=on>`), text);
  assert(text.includes("<-m> <512>"), text);
  assert(!text.includes("<-kernel>"), text);
  assert.match(text, /from power-on until Frontloader starts: \d+ ms$/m);
});

Deno.test("with words for the kernel a build boots without its disk, be the system inside the kernel or not", async () => {
  using directory = new TemporaryDirectory();
  const { path } = directory;
  Deno.writeTextFileSync(`${path}/disk.img`, "");
  const words = ["--", "FL_URL=/x", "ip=1.2.3.4"];
  const inside = await run(path, ...words);
  assert(inside.includes(`<-kernel> <${path}/bzImage>`), inside);
  assert(inside.includes("<console=ttyS0 quiet panic=-1 FL_URL=/x ip=1.2.3.4>"), inside);
  assert(!inside.includes("disk.img"), inside);
  assert(!inside.includes("<-initrd>"), inside);
  Deno.writeTextFileSync(`${path}/initrd`, "");
  const beside = await run(path, ...words);
  assert(beside.includes(`<-initrd> <${path}/initrd>`), beside);
});

Deno.test("where nothing was built run says what would build it", async () => {
  using directory = new TemporaryDirectory();
  await assert.rejects(
    runCommand([`${ROOT}build.sh`, "run", directory.path]),
    /there is no .*\/disk\.img: run '\.\/build\.sh quick'/,
  );
});
