import { close } from "../../../ffi/descriptors.ts";
import { mount, MountFlag } from "../../../ffi/mount.ts";
import { descriptorPath, type RootDirectory } from "../../../ffi/root_directory.ts";
import type { TmpfsSettings } from "../../config/settings.ts";

/**
 * Mounts an empty file system in memory that everybody may write to, as in `/tmp`. Its destination is made if it is missing.
 *
 * @throws {SyscallError}
 */
export function mountTmpfs(root: RootDirectory, { path, size }: TmpfsSettings): void {
  const target = root.openOrMake(path, "directory");
  try {
    mount({
      source: "tmpfs",
      target: descriptorPath(target),
      fstype: "tmpfs",
      flags: MountFlag.NOSUID | MountFlag.NODEV,
      data: `mode=1777${size === undefined ? "" : `,size=${size}`}`,
      describe: path,
    });
  } finally {
    close(target);
  }
}
