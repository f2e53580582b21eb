import { commandText } from "../command.ts";

const CACHE = new URL("../../../.cache/guest", import.meta.url).pathname;

/**
 * Copies modules of the guests' kernel, with those that they depend on, into a root file system, so that `modprobe` there
 * finds them, and the kernel too when it asks for one by itself.
 *
 * @param names such as `virtio_net`; what is built into the kernel needs no copy
 * @throws {Error} if the kernel has no such module
 */
export async function copyKernelModules(names: readonly string[], root: string): Promise<void> {
  const version = await kernelVersion();
  const listing = await commandText([
    "modprobe",
    ...["--dirname", CACHE, "--set-version", version, "--show-depends", "--all", ...names],
  ]);
  const paths = new Set(listing.matchAll(/^insmod (\S+)/gm).map(([, path]) => path!));
  for (const path of paths) {
    const copy = root + path.slice(CACHE.length);
    await Deno.mkdir(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(path, copy);
  }
  const directory = `lib/modules/${version}`;
  for (const list of ["modules.builtin", "modules.builtin.modinfo", "modules.order"]) {
    await Deno.copyFile(`${CACHE}/${directory}/${list}`, `${root}/${directory}/${list}`);
  }
  await commandText(["depmod", "--basedir", root, version]);
}

async function kernelVersion(): Promise<string> {
  for await (const { name } of Deno.readDir(`${CACHE}/lib/modules`)) return name;
  throw new Error(`No kernel in ${CACHE}: ./build.sh guest-kernel puts it there`);
}
