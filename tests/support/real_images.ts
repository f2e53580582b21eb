/**
 * Images as people's tools make them: a busybox tree that buildah packed, Debian as debootstrap makes it packed by umoci, and
 * one of GNU tar's and umoci's layers with everything that is hard to unpack. Nothing of ours has a hand in them.
 */
import { commandText, runCommand } from "./command.ts";
import type { LocalImage } from "./local_image.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";

const CACHE = new URL("../../.cache/images", import.meta.url).pathname;

/**
 * Makes an image of two layers with buildah: static busybox and its links, and a page for it to serve.
 *
 * @param directory gets the layout
 */
export async function makeBusyboxImage(directory: string): Promise<LocalImage> {
  using scratch = new TemporaryDirectory();
  const tree = `${scratch.path}/tree`;
  Deno.mkdirSync(`${tree}/bin`, { recursive: true });
  Deno.copyFileSync("/bin/busybox", `${tree}/bin/busybox`);
  const applets = await commandText(["/bin/busybox", "--list"]);
  for (const applet of applets.trim().split("\n").filter((name) => name !== "busybox")) {
    Deno.symlinkSync("busybox", `${tree}/bin/${applet}`);
  }
  Deno.writeTextFileSync(`${scratch.path}/index.html`, "busybox\n");

  const layout = `${directory}/busybox`;
  const buildah = (...args: string[]) =>
    commandText([
      "buildah",
      "--root",
      `${scratch.path}/root`,
      "--runroot",
      `${scratch.path}/run`,
      "--storage-driver",
      "vfs",
      ...args,
    ]);
  const first = (await buildah("from", "scratch")).trim();
  await buildah("copy", first, tree);
  await buildah("config", "--env", "PATH=/bin", "--cmd", "/bin/sh", first);
  await buildah("commit", "--quiet", first, "base");
  const second = (await buildah("from", "--pull-never", "base")).trim();
  await buildah("copy", "--chown", "33:33", second, `${scratch.path}/index.html`, "/srv/www/");
  await buildah("commit", "--quiet", second, `oci:${layout}:latest`);
  return { layout, tag: "latest" };
}

/**
 * An image of one layer: the least Debian or Ubuntu, the release of this machine, and Python. It takes a minute to make, so it is
 * kept under .cache/; it appears there whole or not at all, and may be deleted at any time.
 */
export async function debianImage(): Promise<LocalImage> {
  const release = /^VERSION_CODENAME=(.*)$/m.exec(Deno.readTextFileSync("/etc/os-release"))?.[1];
  if (release === undefined) throw new Error("Cannot make a Debian image: this is none");
  const layout = `${CACHE}/${release}-${Deno.build.arch}-1`;
  if (!exists(layout)) {
    Deno.mkdirSync(CACHE, { recursive: true });
    const building = Deno.makeTempDirSync({ dir: CACHE, prefix: "building." });
    try {
      await runCommand(["bash", "-euc", BUILD_DEBIAN, "build", release], { cwd: building });
      rename(`${building}/layout`, layout);
    } finally {
      Deno.removeSync(building, { recursive: true });
    }
  }
  return { layout, tag: "latest" };
}

/** In a mount namespace of its own: what debootstrap mounts goes away with it, even if it is killed. */
const BUILD_DEBIAN = `
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" | head -n 1)
  umoci init --layout layout
  umoci new --image layout:latest
  umoci unpack --image layout:latest bundle
  # A mirror may not answer for a moment.
  for try in 1 2 3; do
    if unshare --mount debootstrap --variant=minbase --include=python3-minimal "$1" bundle/rootfs "$mirror"; then break; fi
    [ "$try" -lt 3 ]
    find bundle/rootfs -mindepth 1 -delete
  done
  rm -rf bundle/rootfs/var/cache/apt/* bundle/rootfs/var/lib/apt/lists/*
  umoci repack --image layout:latest bundle
  umoci gc --layout layout
`;

/**
 * Makes an image of seven layers with all kinds of files, links, names, attributes and whiteouts (layered_image.sh).
 *
 * @param directory gets the layout
 */
export async function makeLayeredImage(directory: string): Promise<LocalImage> {
  const script = new URL("./layered_image.sh", import.meta.url).pathname;
  await runCommand(["bash", script, directory]);
  return { layout: `${directory}/layout`, tag: "latest" };
}

/** Another test run may have made the same image meanwhile: either does. */
function rename(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!exists(to)) throw error;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
