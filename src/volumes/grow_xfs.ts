import { BlockDevice } from "../../ffi/block_device.ts";
import { MountedXfs } from "../../ffi/xfs.ts";
import { grownBlocks } from "./grown_blocks.ts";
import type { Growth } from "./task.ts";

/**
 * Grows an XFS to the size of its device, if that is larger; it never shrinks.
 *
 * @param place `path`: where it is mounted; `device`: what is mounted there
 * @returns its size before and after; undefined if there is nothing to gain
 * @throws {SyscallError}
 * @throws {Error} if something else is mounted there by now
 */
export function growXfs(
  { path, device }: { readonly path: string; readonly device: string },
): Growth | undefined {
  using xfs = MountedXfs.open(path);
  using block = BlockDevice.open(device);
  if (Deno.statSync(path).dev !== Deno.statSync(device).rdev) {
    throw new Error(`Cannot grow the XFS on "${path}": it is not on "${device}"`);
  }
  const geometry = xfs.geometry;
  const blocks = grownBlocks(geometry, block.size);
  if (blocks === undefined) return undefined;
  xfs.grow(blocks, geometry);
  const { blockSize } = geometry;
  return { from: geometry.dataBlocks * blockSize, to: xfs.geometry.dataBlocks * blockSize };
}
