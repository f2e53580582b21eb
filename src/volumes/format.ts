import { BlockDevice } from "../../ffi/block_device.ts";
import { readStart } from "./block_devices.ts";
import { reasonNotToFormat } from "./blank.ts";
import { runTool } from "./tool.ts";
import { parseXfsSuperblock } from "./xfs_superblock.ts";

/**
 * Makes an XFS on a device, if that is blank ({@linkcode reasonNotToFormat}).
 *
 * Between the look and mkfs.xfs the device is open, so that its name and its numbers cannot become another's. It cannot be open
 * for this process alone, since mkfs.xfs opens it for itself alone; in the milliseconds in between somebody could begin to use
 * it. Therefore mkfs.xfs gets no `-f`: it looks once more for signatures, and refuses.
 *
 * @param path of the device's node
 * @param note called before and after
 * @throws {Error} if it is not blank; nothing has been written to it then
 */
export async function formatIfBlank(path: string, note: (text: string) => void): Promise<void> {
  using held = BlockDevice.open(path);
  const device = held.pathForOthers;
  const reason = await reasonNotToFormat(device);
  if (reason !== undefined) throw new Error(`Cannot format "${path}": it ${reason}`);
  note(`Nothing is on ${path}: making an XFS`);
  // No discard (-K): it would reach, too, where nobody has looked.
  const { code, stderr } = await runTool("mkfs.xfs", "-q", "-K", device);
  if (code !== 0) throw new Error(`Cannot format "${path}": mkfs.xfs: ${stderr || code}`);
  const superblock = parseXfsSuperblock(readStart(path) ?? new Uint8Array());
  if (superblock === undefined) throw new Error(`Cannot find the XFS that was made on "${path}"`);
  note(`Made an XFS on ${path}: UUID=${superblock.uuid}`);
}
