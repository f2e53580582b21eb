/** The scripts that Buildroot calls, with what it would hand them; GRUB is Debian's, which the quick build has unpacked. */
import assert from "node:assert/strict";
import { commandText, runCommand } from "../support/command.ts";
import { APPLIANCE } from "../support/guest/appliance.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const BOARD = `${ROOT}buildroot-ext/board/frontloader`;
const GRUB = `${APPLIANCE.directory}/grub`;

/** Writes files below a directory: contents by path. */
function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [path, contents] of Object.entries(files)) {
    Deno.mkdirSync(`${directory}/${path.slice(0, path.lastIndexOf("/") + 1)}`, { recursive: true });
    Deno.writeTextFileSync(`${directory}/${path}`, contents);
  }
}

Deno.test("post-build.sh leaves a system that says what it is, and starts nothing beside Frontloader", async () => {
  using directory = new TemporaryDirectory();
  const { path } = directory;
  writeFiles(path, {
    "program/etc/os-release": "BUILD_ID=abc\n",
    "target/usr/lib/os-release": "NAME=Buildroot\n",
    "target/usr/bin/tini": "tini",
    "target/etc/init.d/rcS": "",
    "target/etc/inittab": "",
    "target/etc/profile": "",
    "target/etc/shadow": "root:*:::::::\n",
  });
  await Deno.symlink("../usr/lib/os-release", `${path}/target/etc/os-release`);
  await runCommand([`${BOARD}/post-build.sh`, `${path}/target`], {
    env: { FRONTLOADER_PROGRAM: `${path}/program` },
  });
  const read = (name: string) => Deno.readTextFileSync(`${path}/target/${name}`);
  assert.equal(read("etc/os-release"), "BUILD_ID=abc\n");
  assert.equal(read("usr/lib/os-release"), "NAME=Buildroot\n");
  assert.equal(read("usr/bin/tini-static"), "tini");
  const names = Array.from(Deno.readDirSync(`${path}/target/etc`), ({ name }) => name).sort();
  assert.deepEqual(names, ["os-release", "shadow"]);
});

Deno.test("post-image.sh makes a disk.img of a kernel that has the system inside", async () => {
  using directory = new TemporaryDirectory();
  const { path } = directory;
  writeFiles(path, { "target/etc/os-release": "BUILD_ID=abc\n" });
  for (const name of ["host/bin", "images"]) {
    await Deno.mkdir(`${path}/${name}`, { recursive: true });
  }
  await Deno.copyFile(APPLIANCE.kernel, `${path}/images/bzImage`);
  await Deno.symlink(`${GRUB}/bin/grub-mkimage`, `${path}/host/bin/grub-mkimage`);
  for (const format of ["i386-pc", "x86_64-efi"]) {
    const build = `${path}/build/grub2-2.12/build-${format}`;
    await Deno.mkdir(build, { recursive: true });
    await Deno.symlink(`${GRUB}/lib/grub/${format}`, `${build}/grub-core`);
  }
  await runCommand([`${BOARD}/post-image.sh`, `${path}/images`], {
    env: {
      BUILD_DIR: `${path}/build`,
      HOST_DIR: `${path}/host`,
      TARGET_DIR: `${path}/target`,
      FRONTLOADER_CMDLINE: "console=ttyS0 FL_URL=/x",
    },
  });
  const partition = `${path}/images/disk.img@@2M`;
  const files = await commandText(["mdir", "-i", partition, "-/", "-b", "::"]);
  for (const name of ["/a/bzImage", "/EFI/BOOT/BOOTX64.EFI", "/grub/grub.cfg"]) {
    assert(files.includes(`::${name}`), files);
  }
  assert(!files.includes("initrd"), files);
  const commandLine = await commandText(["mtype", "-i", partition, "::/grub/cmdline.cfg"]);
  assert.equal(commandLine, "set cmdline='console=ttyS0 FL_URL=/x'\n");
});
