import type { ByteString } from "../../ffi/byte_string.ts";
import type { FileTime } from "../../ffi/file_metadata.ts";

/** What an entry of an archive makes. */
export type TarEntryType =
  | "file"
  | "directory"
  | "symlink"
  | "link"
  | "character"
  | "block"
  | "fifo";

/** A part of a sparse file that has data. */
export interface SparseExtent {
  readonly offset: number;
  readonly length: number;
}

/** An entry of an archive, after all extended headers have been applied to it. */
export interface TarEntry {
  readonly type: TarEntryType;
  /** As it stands in the archive: absolute, relative, with `..`, whatever. */
  readonly path: ByteString;
  /** Target of a symlink or hard link, as it stands in the archive; otherwise empty. */
  readonly target: ByteString;
  /** Permissions with set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that a file has; of a sparse one, with its holes. */
  readonly size: number;
  readonly mtime: FileTime;
  /** Numbers of a device. */
  readonly device: { readonly major: number; readonly minor: number };
  /** Extended attributes, if there are any. */
  readonly attributes?: ReadonlyMap<ByteString, ByteString>;
  /** Where the data of a sparse file belongs, in ascending order and without overlap. */
  readonly extents?: readonly SparseExtent[];
}

/** An archive that breaks the format, or that uses it for something that no image needs. */
export class TarError extends Error {
  override readonly name = "TarError";
}
