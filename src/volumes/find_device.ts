import { findEc2Device, isEc2Name, type NvmeController, xenNode } from "./ec2_device.ts";
import { NoDeviceError } from "./no_device_error.ts";
import { parseXfsSuperblock } from "./xfs_superblock.ts";

/** What there is of devices. */
export interface DeviceView {
  /** Follows symlinks. Undefined if it leads nowhere. */
  resolve(path: string): { readonly path: string; readonly isBlockDevice: boolean } | undefined;
  /** Paths of all block devices with something in them. */
  list(): string[];
  /** The first bytes of a device; undefined if they cannot be read. */
  readStart(path: string): Uint8Array | undefined;
  nvmeControllers(): readonly NvmeController[];
}

/**
 * Finds the block device that a configuration means.
 *
 * @param name a path, `LABEL=…`, `UUID=…`, or a name of EC2
 * @returns the path of its node, without symlinks
 * @throws {NoDeviceError} if there is none now
 * @throws {Error} if there are several, or it is no block device
 */
export function findDevice(name: string, view: DeviceView): string {
  const tag = /^(LABEL|UUID)=(.*)$/s.exec(name);
  if (tag !== null) return findByTag(name, tag[1] as "LABEL" | "UUID", tag[2]!, view);
  if (name.startsWith("/")) {
    const found = view.resolve(name);
    if (found?.isBlockDevice) return found.path;
    if (found !== undefined) throw new Error(`Cannot use "${name}": it is no block device`);
  }
  if (isEc2Name(name)) {
    const path = findEc2Device(name, view.nvmeControllers()) ?? xenNode(name);
    const found = path === undefined ? undefined : view.resolve(path);
    if (found?.isBlockDevice) return found.path;
  }
  throw new NoDeviceError(`There is no device "${name}"`);
}

/**
 * All devices are looked at, not the links in `/dev/disk`: an appliance has none, and of two devices with the same UUID, as a
 * volume and a copy of it made from a snapshot have, they show one.
 */
function findByTag(
  name: string,
  tag: "LABEL" | "UUID",
  value: string,
  view: DeviceView,
): string {
  const found = view.list().filter((path) => {
    const start = view.readStart(path);
    const superblock = start === undefined ? undefined : parseXfsSuperblock(start);
    if (superblock === undefined) return false;
    return tag === "LABEL" ? superblock.label === value : superblock.uuid === value.toLowerCase();
  });
  if (found.length > 1) {
    throw new Error(`Cannot tell which device is "${name}": ${found.join(" and ")} are`);
  }
  if (found.length === 0) throw new NoDeviceError(`There is no XFS with ${name} on any device`);
  return found[0]!;
}
