/**
 * Buildroot and the kernel know everything that `buildroot-ext/` asks for. `BUILDROOT_DIR` names a tree of Buildroot, and
 * `LINUX_DIR` one of the kernel; without them these tests are not there, which `build.sh test` says.
 */
import assert from "node:assert/strict";
import { commandText } from "../support/command.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";
import { lost, parseAssignments } from "../support/kconfig.ts";

const EXTERNAL = new URL("../../buildroot-ext", import.meta.url).pathname;
const BOARD = `${EXTERNAL}/board/frontloader`;
const BUILDROOT = Deno.env.get("BUILDROOT_DIR");
const LINUX = Deno.env.get("LINUX_DIR");

/** By the names of the defconfigs; the kernel has names of its own. */
const ARCHITECTURES = [["x86_64", "x86_64"], ["aarch64", "arm64"]] as const;

/** What older kernels cannot have without modules, and since which one it can be had. */
const SINCE: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  CONFIG_BPF_JIT: [6, 10],
};

function read(path: string) {
  return parseAssignments(Deno.readTextFileSync(path));
}

async function make(args: readonly string[]): Promise<void> {
  await commandText(["make", "--silent", ...args]);
}

for (const [architecture, kernelArchitecture] of ARCHITECTURES) {
  if (BUILDROOT !== undefined) {
    Deno.test(`Buildroot keeps every symbol of frontloader_${architecture}_defconfig`, async () => {
      using output = new TemporaryDirectory();
      const defconfig = `frontloader_${architecture}_defconfig`;
      await make(["-C", BUILDROOT, `O=${output.path}`, `BR2_EXTERNAL=${EXTERNAL}`, defconfig]);
      assert.deepEqual(
        lost(read(`${EXTERNAL}/configs/${defconfig}`), read(`${output.path}/.config`)),
        [],
      );
    });
  }

  if (LINUX !== undefined) {
    Deno.test(`the kernel keeps every symbol of its configuration for ${architecture}`, async () => {
      using output = new TemporaryDirectory();
      const files = [`${BOARD}/linux/common.config`, `${BOARD}/linux/${architecture}.config`];
      const text = files.map((path) => Deno.readTextFileSync(path)).join("\n");
      Deno.writeTextFileSync(`${output.path}/.config`, text);
      await make(["-C", LINUX, `O=${output.path}`, `ARCH=${kernelArchitecture}`, "olddefconfig"]);
      const version = await kernelVersion(LINUX);
      const wanted = new Map(
        [...parseAssignments(text)].filter(([name]) => !isLater(SINCE[name], version)),
      );
      assert.deepEqual(lost(wanted, read(`${output.path}/.config`)), []);
    });
  }
}

if (BUILDROOT !== undefined) {
  Deno.test("Buildroot's busybox knows what its fragment switches on and off", () => {
    const known = read(`${BUILDROOT}/package/busybox/busybox.config`);
    const unknown = [...read(`${BOARD}/busybox.config`).keys()].filter((name) => !known.has(name));
    assert.deepEqual(unknown, []);
  });
}

async function kernelVersion(tree: string): Promise<readonly [number, number]> {
  const text = await commandText(["make", "--silent", "-C", tree, "kernelversion"]);
  const [, major, minor] = /^(\d+)\.(\d+)/m.exec(text) ?? [];
  return [Number(major), Number(minor)];
}

function isLater(
  since: readonly [number, number] | undefined,
  [major, minor]: readonly [number, number],
): boolean {
  return since !== undefined && (since[0] > major || (since[0] === major && since[1] > minor));
}
