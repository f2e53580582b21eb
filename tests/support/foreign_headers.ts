/** Headers of what cannot be made here, because this machine's kernel or Debian has no program for it: as libblkid knows them. */

const KiB = 1024;

/** One piece of a device. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const MD_MAGIC = 0xa92b4efc;

/**
 * The superblock of a member of a software RAID in format 0.90, 64 to 128 KiB before the end of the device (linux/raid/md_p.h).
 *
 * @param size of the device
 */
export function mdSuperblock090(size: number): Piece {
  const view = new DataView(new ArrayBuffer(4 * KiB));
  const offset = Math.floor(size / (64 * KiB)) * 64 * KiB - 64 * KiB;
  const words = [MD_MAGIC, 0, 90, 0, 0, 0x11111111, 1_700_000_000, 1, offset / KiB, 2, 2, 0, 0];
  [...words, 0x22222222, 0x33333333, 0x44444444]
    .forEach((word, index) => view.setUint32(index * 4, word, true));
  view.setUint32(38 * 4, foldedSum(view, 4 * KiB), true);
  return { offset, bytes: new Uint8Array(view.buffer) };
}

/**
 * The superblock of a member of a software RAID in format 1.x, as linux/raid/md_p.h has it.
 *
 * @param minor 0: 8 KiB before the end of the device; 1: at its beginning; 2: 4 KiB behind that
 */
export function mdSuperblock1(size: number, minor: 0 | 1 | 2): Piece {
  const sectors = size / 512;
  const superSector = [Math.floor((sectors - 16) / 8) * 8, 0, 8][minor]!;
  const maxDevices = 2;
  const length = 256 + maxDevices * 2;
  const view = new DataView(new ArrayBuffer(4 * KiB));
  view.setUint32(0, MD_MAGIC, true);
  view.setUint32(4, 1, true);
  for (let i = 16; i < 32; i++) view.setUint8(i, i);
  view.setUint32(72, 1, true);
  view.setBigUint64(80, BigInt(sectors - 4096), true);
  view.setUint32(92, maxDevices, true);
  view.setBigUint64(128, 2048n, true);
  view.setBigUint64(136, BigInt(sectors - 4096), true);
  view.setBigUint64(144, BigInt(superSector), true);
  view.setUint32(220, maxDevices, true);
  view.setUint32(216, foldedSum(view, length), true);
  return { offset: superSector * 512, bytes: new Uint8Array(view.buffer) };
}

function foldedSum(view: DataView, length: number): number {
  let sum = 0n;
  for (let i = 0; i + 4 <= length; i += 4) sum += BigInt(view.getUint32(i, true));
  return Number((sum & 0xffffffffn) + (sum >> 32n) & 0xffffffffn);
}

/** The uberblocks of one of the four labels of a member of a ZFS pool; the last two labels are at the end of the device. */
export function zfsUberblocks(label: number): Piece {
  const view = new DataView(new ArrayBuffer(128 * KiB));
  for (let i = 0; i < view.byteLength; i += KiB) {
    view.setBigUint64(i, 0x00bab10cn, true);
    view.setBigUint64(i + 8, 5000n, true);
  }
  return { offset: label + 128 * KiB, bytes: new Uint8Array(view.buffer) };
}

/** Internal metadata of DRBD, in the last 4 KiB of the device (version 8). */
export function drbdMetadata(size: number): Piece {
  const view = new DataView(new ArrayBuffer(4 * KiB));
  view.setBigUint64(0, BigInt(size / 512));
  view.setUint32(60, 0x8374026d);
  return { offset: size - 4 * KiB, bytes: new Uint8Array(view.buffer) };
}
