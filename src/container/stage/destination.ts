import { close } from "../../../ffi/descriptors.ts";
import { fileSystemType } from "../../../ffi/file_metadata.ts";
import { descriptorPath, type NodeKind, type RootDirectory } from "../../../ffi/root_directory.ts";

/** linux/magic.h */
const PROC_SUPER_MAGIC = 0x9fa0;

/**
 * Opens where something is to be mounted; what is missing is made.
 *
 * It is never in `/proc`, where a symlink of the image may lead: a mount there could hide what is masked, or lie to whoever asks
 * the kernel (CVE-2019-16884, CVE-2025-31133).
 *
 * @param kind of what is to be mounted
 * @returns a descriptor of it
 * @throws {Error} also if there is something of the other kind
 */
export function openDestination(root: RootDirectory, path: string, kind: NodeKind): number {
  const fd = root.openOrMake(path, kind);
  try {
    if (fileSystemType(fd) === PROC_SUPER_MAGIC) {
      throw new Error(`Cannot mount on "${path}": it leads into /proc`);
    }
    const { isDirectory } = Deno.statSync(descriptorPath(fd));
    if (isDirectory !== (kind === "directory")) {
      const what = isDirectory ? "a directory" : "none";
      throw new Error(`Cannot mount a ${kind} on "${path}": it is ${what}`);
    }
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
