import { mount } from "../../ffi/mount.ts";
import type { VolumeSettings } from "../config/settings.ts";
import { parseMountOptions, remountFlags } from "./mount_options.ts";
import { giveRoot } from "./root_owner.ts";

/**
 * Gives a mounted volume other options, of those that all file systems have, and another owner.
 *
 * @throws {SyscallError}
 */
export function remount(volume: VolumeSettings): void {
  const { path, fstype, device } = volume;
  const options = parseMountOptions(volume.options);
  const flags = remountFlags(options);
  mount({ source: device, target: path, fstype, flags, data: options.data });
  giveRoot(path, volume);
}
