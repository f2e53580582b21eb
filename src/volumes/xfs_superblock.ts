/** The superblock at the start of an XFS (struct xfs_dsb in libxfs/xfs_format.h of Linux); its numbers are big-endian. */
export interface XfsSuperblock {
  /** Lower case, with dashes. */
  readonly uuid: string;
  /** May be empty. */
  readonly label: string;
}

/** As many bytes of a device have the superblock in them. */
export const SUPERBLOCK_BYTES = 4096;

const MAGIC = "XFSB";

/**
 * Reads the superblock.
 *
 * @param start the first {@linkcode SUPERBLOCK_BYTES} of a device
 * @returns undefined if it is no XFS
 */
export function parseXfsSuperblock(start: Uint8Array): XfsSuperblock | undefined {
  const text = (from: number, length: number) =>
    String.fromCharCode(...start.subarray(from, from + length));
  if (text(0, MAGIC.length) !== MAGIC) return undefined;
  const hex = Array.from(start.subarray(32, 48), (byte) => byte.toString(16).padStart(2, "0"));
  const uuid = hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const label = new TextDecoder().decode(start.subarray(108, 120)).replace(/\0.*$/s, "");
  return { uuid, label };
}
