import type { ByteString } from "../../ffi/byte_string.ts";
import { isSyscallError } from "../../ffi/errno.ts";
import type { FileSystem } from "./file_system.ts";
import type { TarEntry } from "./tar_entry.ts";

/** What an entry says of a file besides its type, name and contents. */
export type EntryMetadata = Pick<TarEntry, "mode" | "uid" | "gid" | "mtime" | "attributes">;

/** The set-id bits, which chown(2) takes away, and the sticky bit. */
const SPECIAL = 0o7000;

/**
 * What directories are made with, and what those have of which neither the archive nor a lower layer says
 * anything.
 */
export const IMPLIED_MODE = 0o755;

/**
 * The mode to make a file with, for {@linkcode applyMetadata} to complete: whoever it belongs to till then
 * must not get what the set-id bits give, and from a directory with a set-gid bit files would inherit their
 * group.
 */
export function initialMode({ mode }: Pick<EntryMetadata, "mode">): number {
  return mode & ~SPECIAL;
}

/**
 * Gives an open file or directory, just made by root, its owner, attributes, mode and time. In this order:
 * chown(2) removes `security.capability` and the set-id bits, writing does too, and all of it would change a
 * directory's time.
 *
 * @param made the mode that it was made with; it is set in any case without
 */
export function applyMetadata(
  fs: FileSystem,
  fd: number,
  { uid, gid, attributes, mode, mtime }: EntryMetadata,
  made?: number,
): void {
  if (uid !== 0 || gid !== 0) fs.setOwner(fd, uid, gid);
  if (attributes !== undefined) {
    setAttributes(attributes, (name, value) => fs.setAttribute(fd, name, value));
  }
  // An access control list among the attributes changes the mode as well.
  if (mode !== made || attributes !== undefined) fs.setMode(fd, mode);
  fs.setTime(fd, mtime);
}

/** As {@linkcode applyMetadata}, for what cannot be opened: a symlink, a device or a FIFO. */
export function applyMetadataAt(
  fs: FileSystem,
  parent: number,
  name: ByteString,
  entry: EntryMetadata & Pick<TarEntry, "type">,
): void {
  const { uid, gid, attributes, mode, mtime } = entry;
  if (uid !== 0 || gid !== 0) fs.setOwnerAt(parent, name, uid, gid);
  if (attributes !== undefined) {
    setAttributes(attributes, (attribute, value) => {
      fs.setAttributeAt(parent, name, attribute, value);
    });
  }
  if (entry.type !== "symlink" && (mode !== initialMode(entry) || attributes !== undefined)) {
    fs.setModeAt(parent, name, mode);
  }
  fs.setTimeAt(parent, name, mtime);
}

/**
 * True for attributes that an image may set: not those that mean something to overlayfs or belong to the
 * machine that built it.
 */
export function isPortableAttribute(name: ByteString): boolean {
  return !name.startsWith("trusted.overlay.") && !name.startsWith("user.overlay.") &&
    name !== "security.selinux" && name !== "system.nfs4_acl";
}

function setAttributes(
  attributes: ReadonlyMap<ByteString, ByteString>,
  set: (name: ByteString, value: ByteString) => void,
): void {
  for (const [name, value] of attributes) {
    if (!isPortableAttribute(name)) continue;
    try {
      set(name, value);
    } catch (error) {
      // tmpfs has no user attributes before Linux 6.6, and symlinks and devices have none anywhere. Tools
      // that unpack images leave out what the file system does not have.
      const unsupported = isSyscallError(error, "EOPNOTSUPP") ||
        (name.startsWith("user.") && isSyscallError(error, "EPERM"));
      if (!unsupported) throw error;
    }
  }
}
