import { close } from "../../../ffi/descriptors.ts";
import { mount, MountFlag } from "../../../ffi/mount.ts";
import { descriptorPath, type RootDirectory } from "../../../ffi/root_directory.ts";
import type { TmpfsSettings } from "../../config/settings.ts";
import { openDestination } from "./destination.ts";

const { NODEV, NOEXEC, NOSUID } = MountFlag;

const SHARED_MEMORY = "/dev/shm";

/**
 * Mounts an empty file system in memory that everybody may write to, as in `/tmp`. Its destination is made if it is missing.
 *
 * @throws {SyscallError}
 */
export function mountTmpfs(root: RootDirectory, { path, size }: TmpfsSettings): void {
  const target = openDestination(root, path, "directory");
  try {
    mount({
      source: "tmpfs",
      target: descriptorPath(target),
      fstype: "tmpfs",
      // As docker has it, which does not go for /tmp: runtimes unpack their libraries there.
      flags: NOSUID | NODEV | (path === SHARED_MEMORY ? NOEXEC : 0),
      data: `mode=1777${size === undefined ? "" : `,size=${size}`}`,
      describe: path,
    });
  } finally {
    close(target);
  }
}
