import type { XfsGeometry } from "../../ffi/xfs.ts";

/** Fewer blocks do not make an allocation group (XFS_MIN_AG_BLOCKS in libxfs/xfs_fs.h). */
const MIN_AG_BLOCKS = 64;

/**
 * How many blocks an XFS can have on a device: whole blocks, and no last allocation group that is too small. The kernel's
 * arithmetic is the same (`xfs_growfs_compute_deltas`), but to be asked for less than there is means to shrink to some kernels
 * and EINVAL to others.
 *
 * @param deviceBytes size of the device
 * @returns undefined if that is no more than it has
 */
export function grownBlocks(
  { blockSize, agBlocks, dataBlocks }: XfsGeometry,
  deviceBytes: number,
): number | undefined {
  const blocks = Math.floor(deviceBytes / blockSize);
  const remainder = blocks % agBlocks;
  const usable = remainder < MIN_AG_BLOCKS ? blocks - remainder : blocks;
  return usable > dataBlocks ? usable : undefined;
}
