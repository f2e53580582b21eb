/** Root file systems: an overlay of an image's layers. */
import { relative } from "node:path";
import { mount, MountFlag, umount, UmountFlag } from "../../ffi/mount.ts";

/** How an overlay is put together. */
export interface OverlayOptions {
  /** Directory that holds the layers' directories. */
  readonly layersDirectory: string;
  /** Names of the layers' directories in it, bottom-up. */
  readonly layers: readonly string[];
  /** Where to mount it. */
  readonly target: string;
  /**
   * What takes the writes: an empty directory, in which `upper` and `work` are made. Without it the mount is read-only.
   */
  readonly writable?: string;
  /** Shown as the mount's source in the kernel's list of mounts. */
  readonly source: string;
}

/** Name of an empty directory beside the layers: an overlay without an upper directory wants two lower ones at least. */
const EMPTY_LAYER = "empty";

/**
 * Mounts an overlay of layers, with nosuid and nodev, since anybody on the machine may look into it.
 *
 * The layers' names are given relative to their directory, so that 127 of them fit the one page that mount(2) copies; the
 * current directory is another one only for the duration of this synchronous call.
 *
 * @throws {SyscallError} with mount's errno
 */
export function mountOverlay(
  { layersDirectory, layers, target, writable, source }: OverlayOptions,
): void {
  const { NODEV, NOSUID, RDONLY } = MountFlag;
  Deno.mkdirSync(`${layersDirectory}/${EMPTY_LAYER}`, { recursive: true, mode: 0o755 });
  // The first name of lowerdir is the topmost layer.
  const options = [`lowerdir=${[...layers.toReversed(), EMPTY_LAYER].join(":")}`];
  if (writable !== undefined) {
    const upper = `${writable}/upper`;
    Deno.mkdirSync(upper);
    // The root directory is the upper one now: it has to look like the image's.
    const { mode, uid, gid } = Deno.statSync(`${layersDirectory}/${layers.at(-1) ?? EMPTY_LAYER}`);
    Deno.chownSync(upper, uid, gid);
    Deno.chmodSync(upper, mode! & 0o7777);
    Deno.mkdirSync(`${writable}/work`);
    // Relative as well, which leaves out what a run directory may have in its path: "," and ":" end an option.
    const path = relative(layersDirectory, writable);
    options.push(`upperdir=${path}/upper`, `workdir=${path}/work`);
  }
  // A redirect or metacopy attribute in a layer from outside could make any file of the machine readable; some kernels
  // have these on unless told otherwise.
  options.push("redirect_dir=nofollow", "metacopy=off", "index=off", "xino=off");
  const before = Deno.cwd();
  Deno.chdir(layersDirectory);
  try {
    mount({
      source,
      target,
      fstype: "overlay",
      flags: NOSUID | NODEV | (writable === undefined ? RDONLY : 0),
      data: options.join(","),
    });
  } finally {
    Deno.chdir(before);
  }
}

/**
 * Mounts a writable overlay for one instance. What is written goes into a tmpfs that is mounted only while this function runs:
 * the overlay alone holds it then, and it ends with it. So there is nothing to be removed afterwards, which a container could make
 * hard, by a directory of a hundred thousand levels for instance; and what it writes takes no room from the layers.
 *
 * @param directory an empty one, on which the tmpfs is mounted
 * @throws {SyscallError}
 */
export function mountInstanceRoot(
  directory: string,
  options: Omit<OverlayOptions, "writable">,
): void {
  const { NODEV, NOSUID } = MountFlag;
  mount({
    source: options.source,
    target: directory,
    fstype: "tmpfs",
    flags: NOSUID | NODEV,
    data: "mode=0700",
  });
  try {
    mountOverlay({ ...options, writable: directory });
  } finally {
    umount(directory, UmountFlag.DETACH | UmountFlag.NOFOLLOW);
  }
}

/** Where instances' root file systems are mounted until they run: `/tmp/frontloader.rootfs.XXXXXX`. */
export const ROOT_FS_PREFIX = "/tmp/frontloader.rootfs.";

/**
 * Unmounts a root file system from the mount namespace of this process and removes its mount point; a container that has
 * it in its own namespace keeps it.
 *
 * @throws {SyscallError}
 */
export function unmountRootFs(path: string): void {
  // Lazily: a start that failed half-way may still hold it for a moment.
  umount(path, UmountFlag.DETACH | UmountFlag.NOFOLLOW);
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
