/** A stretch of a device, in bytes. */
export interface Stretch {
  readonly offset: number;
  readonly length: number;
}

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const TiB = 2 ** 40;
const BLOCK = 4096;

/** Both ends of a device are read whole, this much of each: partition tables, most superblocks and all their kin are there. */
const END_BYTES = 64 * MiB;
/** Devices up to this size are read whole. */
const WHOLE_BYTES = 2 * GiB;
/** Of larger ones a block is read at so many places that are spread evenly: some seconds even on a slow disk. */
const SAMPLES = 8192;
/** XFS is made with 4 allocation groups, more on arrays, or as many as the machine has processors (mkfs.xfs(8)). */
const MOST_GROUPS = 128;
/** Block groups in which ext2, 3 and 4 keep copies of the superblock: 1 and powers of 3, 5 and 7. */
const EXT_COPIES = [1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343, 625, 729, 2187, 2401, 3125];

/**
 * Where a device is looked at before it is called blank. To read all of one may take hours. Besides both ends and samples these
 * are the places where file systems keep copies of their superblock: what is at the beginning may have been wiped.
 *
 * @param size of the device
 * @returns in their order, all inside of the device; they may overlap
 */
export function placesToLook(size: number): Stretch[] {
  if (size <= WHOLE_BYTES) return [{ offset: 0, length: size }];
  const blocks = Math.floor(size / BLOCK);
  const offsets = new Set<number>();
  const add = (offset: number) => offsets.add(Math.floor(offset / BLOCK) * BLOCK);
  for (let sample = 0; sample < SAMPLES; sample++) add(size / SAMPLES * sample);
  for (let groups = 2; groups <= MOST_GROUPS; groups++) {
    // Allocation groups are as large as each other, the last one may be smaller (calc_default_ag_geometry in mkfs.xfs).
    const group = Math.ceil(blocks / groups);
    for (let n = 1; n < Math.min(groups, 4); n++) add(n * group * BLOCK);
  }
  // Groups of 1 TiB are the largest.
  for (let offset = TiB; offset < size; offset += TiB) add(offset);
  for (const blockSize of [1024, 2048, 4096]) {
    // A block of bits describes a group: 8 blocks a byte.
    for (const group of EXT_COPIES) add(group * 8 * blockSize * blockSize);
  }
  // Copies of the superblock of btrfs.
  add(64 * MiB);
  add(256 * GiB);
  const middle = [...offsets]
    .filter((offset) => offset >= END_BYTES && offset < size - END_BYTES)
    .sort((a, b) => a - b)
    .map((offset) => ({ offset, length: BLOCK }));
  return [
    { offset: 0, length: END_BYTES },
    ...middle,
    { offset: size - END_BYTES, length: END_BYTES },
  ];
}
