import { Buffer } from "node:buffer";
import { BlockDevice } from "../../ffi/block_device.ts";
import { isSyscallError } from "../../ffi/errno.ts";
import { diskName } from "./block_devices.ts";
import { diskFacts } from "./disk_facts.ts";
import { placesToLook } from "./places_to_look.ts";
import { signatureOn } from "./what_is_on.ts";

/** mkfs.xfs makes none that are smaller (since xfsprogs 5.19). */
const SMALLEST_XFS = 300 * 2 ** 20;
const CHUNK_BYTES = 1 << 20;

/**
 * Looks for a reason not to format a device. Nothing is written to it. All of these must be so: it can be opened for oneself
 * alone (not mounted, not swap, no part of anything, no partition of it in use), it has no partitions, is not on the disk that
 * the machine runs from, is not write-protected and large enough; libblkid recognises nothing on it; and where it is looked at
 * ({@linkcode placesToLook}) there is nothing but zeros.
 *
 * @param path of the device's node
 * @returns the first reason found, to be put behind the device's name; undefined if it is blank
 * @throws {Error} if something cannot be found out, which is a reason too
 */
export async function reasonNotToFormat(path: string): Promise<string | undefined> {
  const { partitions, holders, isBootDisk, wholeDisk } = diskFacts(diskName(path));
  if (isBootDisk) return `is on the disk that this machine runs from, ${wholeDisk}`;
  if (partitions.length > 0) return `has partitions: ${partitions.join(", ")}`;
  if (holders.length > 0) return `is a part of ${holders.join(", ")}`;
  let device: BlockDevice;
  try {
    device = BlockDevice.open(path, { exclusive: true });
  } catch (error) {
    if (isSyscallError(error, "EBUSY")) return "is in use";
    throw error;
  }
  using _ = device;
  if (device.isReadOnly) return "is write-protected";
  if (device.size < SMALLEST_XFS) return `is too small for an XFS: ${device.size} bytes`;
  const signature = await signatureOn(path);
  if (signature !== undefined) return `is not blank: it has ${signature}`;
  const offset = firstByteThatIsNotZero(device);
  if (offset !== undefined) return `is not blank: it has data at byte ${offset}`;
  return undefined;
}

function firstByteThatIsNotZero(device: BlockDevice): number | undefined {
  const zeros = Buffer.alloc(CHUNK_BYTES);
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (const { offset, length } of placesToLook(device.size)) {
    for (let done = 0; done < length; done += CHUNK_BYTES) {
      const chunk = buffer.subarray(0, Math.min(CHUNK_BYTES, length - done));
      device.readInto(chunk, offset + done);
      if (Buffer.compare(chunk, zeros.subarray(0, chunk.length)) === 0) continue;
      return offset + done + chunk.findIndex((byte) => byte !== 0);
    }
  }
  return undefined;
}
