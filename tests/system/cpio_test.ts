import assert from "node:assert/strict";
import { archiveTree } from "../../build/cpio.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

/** A member as its header says, with its fields that matter. */
interface Member {
  readonly path: string;
  readonly mode: string;
  readonly data: string;
  readonly mtime: number;
  readonly owner: string;
  readonly device: string;
}

/** Reads an archive as the kernel does: numbers in hexadecimal, names and data on multiples of four. */
function membersOf(archive: Uint8Array): Member[] {
  const text = (start: number, end: number) =>
    new TextDecoder().decode(archive.subarray(start, end));
  const members: Member[] = [];
  for (let offset = 0;;) {
    assert.equal(text(offset, offset + 6), "070701");
    const field = (index: number) =>
      parseInt(text(offset + 6 + index * 8, offset + 14 + index * 8), 16);
    const [size, nameSize] = [field(6), field(11)];
    const path = text(offset + 110, offset + 109 + nameSize);
    const start = Math.ceil((offset + 110 + nameSize) / 4) * 4;
    if (path === "TRAILER!!!") return members;
    members.push({
      path,
      mode: field(1).toString(8),
      data: text(start, start + size),
      mtime: field(5),
      owner: `${field(2)}:${field(3)}`,
      device: `${field(9)}:${field(10)}`,
    });
    offset = Math.ceil((start + size) / 4) * 4;
  }
}

async function archive(directory: string): Promise<Uint8Array> {
  return new Uint8Array(
    await new Response(ReadableStream.from(archiveTree(directory))).arrayBuffer(),
  );
}

/** A small tree, made in the order and with the modes that are given. */
function tree(names: readonly string[], mode: number): TemporaryDirectory {
  const directory = new TemporaryDirectory();
  for (const name of names) {
    Deno.mkdirSync(`${directory.path}/${name}`, { mode });
    Deno.writeTextFileSync(`${directory.path}/${name}/run`, `#!${name}`);
    Deno.chmodSync(`${directory.path}/${name}/run`, mode);
    Deno.symlinkSync("run", `${directory.path}/${name}/link`);
  }
  return directory;
}

Deno.test("an archive has all of a tree, owned by root and without a time", async () => {
  using directory = tree(["b"], 0o755);
  const common = { mtime: 0, owner: "0:0", device: "0:0", data: "" };
  assert.deepEqual(membersOf(await archive(directory.path)), [
    { ...common, path: "b", mode: "40755" },
    { ...common, path: "b/link", mode: "120777", data: "run" },
    { ...common, path: "b/run", mode: "100755", data: "#!b" },
    { ...common, path: "dev", mode: "40755" },
    { ...common, path: "dev/console", mode: "20600", device: "5:1" },
  ]);
});

Deno.test("the console that the kernel opens is in /dev, where a tree has that", async () => {
  using directory = tree(["dev"], 0o755);
  const paths = membersOf(await archive(directory.path)).map(({ path }) => path);
  assert.deepEqual(paths, ["dev", "dev/console", "dev/link", "dev/run"]);
});

Deno.test("the same tree is the same archive, in whatever order and with whatever umask it was made", async () => {
  using one = tree(["a", "b", "B"], 0o755);
  using other = tree(["B", "b", "a"], 0o700);
  assert.deepEqual(await archive(one.path), await archive(other.path));
});

Deno.test("a file that is executable for nobody stays so, and /tmp is everybody's", async () => {
  using directory = tree(["tmp"], 0o644);
  Deno.chmodSync(`${directory.path}/tmp`, 0o1777);
  const modes = membersOf(await archive(directory.path)).map(({ path, mode }) => `${path} ${mode}`);
  assert(modes.includes("tmp 41777"), modes.join());
  assert(modes.includes("tmp/run 100644"), modes.join());
});

Deno.test("a tree with a socket or a pipe cannot be archived", async () => {
  using directory = tree([], 0o755);
  using listener = Deno.listen({ transport: "unix", path: `${directory.path}/socket` });
  await assert.rejects(
    archive(directory.path),
    /^Error: Cannot archive ".*\/socket": it is no file, directory or symlink$/,
  );
  listener.close();
});
