import { BlockDevice } from "../../ffi/block_device.ts";
import { identifyNvme } from "../../ffi/nvme.ts";
import { isGone } from "../system/is_gone.ts";
import { namesIn } from "../system/names_in.ts";
import type { DeviceView } from "./find_device.ts";
import type { NvmeController } from "./ec2_device.ts";
import { SUPERBLOCK_BYTES } from "./xfs_superblock.ts";

/** The block devices of this machine, as they are in `/dev` and `/sys`. */
export const blockDevices: DeviceView = {
  resolve(path) {
    try {
      const real = Deno.realPathSync(path);
      return { path: real, isBlockDevice: Deno.statSync(real).isBlockDevice === true };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  },
  list() {
    // Two lines of heading; then major, minor, blocks of 1 KiB, name
    return Deno.readTextFileSync("/proc/partitions").split("\n").slice(2)
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, , blocks, name]) =>
        name === undefined || blocks === "0" ? [] : [`/dev/${name}`]
      );
  },
  readStart,
  nvmeControllers() {
    return namesIn("/sys/class/nvme").filter((name) => /^nvme\d+$/.test(name)).sort(byNumber)
      .flatMap((name): NvmeController[] => {
        const namespace = namesIn(`/sys/class/nvme/${name}`).find((entry) =>
          /^nvme\d+n\d+$/.test(entry)
        );
        if (namespace === undefined) return [];
        try {
          return [{ device: `/dev/${namespace}`, data: identifyNvme(`/dev/${name}`) }];
        } catch {
          // One that is just being attached or detached must not hide the others.
          return [];
        }
      });
  },
};

/**
 * Reads the beginning of a block device.
 *
 * @returns undefined if there is no such device, or no medium in it, or it is shorter
 */
export function readStart(path: string): Uint8Array | undefined {
  try {
    using device = BlockDevice.open(path);
    const start = new Uint8Array(SUPERBLOCK_BYTES);
    if (device.size < start.length) return undefined;
    device.readInto(start, 0);
    return start;
  } catch {
    // Whatever is wrong with a device that may not even be meant: it is not the one that is looked for.
    return undefined;
  }
}

/**
 * The kernel's name of a block device: `nvme1n1`, whatever its node in `/dev` is called.
 *
 * @param path of its node
 */
export function diskName(path: string): string {
  const device = numbersOf(Deno.statSync(path).rdev!);
  const link = Deno.readLinkSync(`/sys/dev/block/${device}`);
  return link.slice(link.lastIndexOf("/") + 1);
}

/** `MAJOR:MINOR` of a device number as stat(2) of glibc gives it (gnu_dev_major(3)). */
export function numbersOf(rdev: number): string {
  const n = BigInt(rdev);
  const major = n >> 8n & 0xfffn | n >> 32n & ~0xfffn;
  const minor = n & 0xffn | n >> 12n & ~0xffn & 0xffffffffn;
  return `${major}:${minor}`;
}

/**
 * How many bytes a block device has, as the kernel knows without asking the device.
 *
 * @param disk the kernel's name of it
 * @returns undefined if it is gone
 */
export function diskSize(disk: string): number | undefined {
  try {
    // In sectors of 512 bytes, whatever those of the device are.
    return Number(Deno.readTextFileSync(`/sys/class/block/${disk}/size`)) * 512;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1);
}
