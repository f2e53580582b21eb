import { namesIn } from "../system/names_in.ts";
import { readMountTable } from "./mount_table.ts";

/** What the kernel knows of how a block device is used. */
export interface DiskFacts {
  /** The kernel's name of the disk that it is, or is a part of. */
  readonly wholeDisk: string;
  /** Names of its partitions; empty for a partition. */
  readonly partitions: readonly string[];
  /** Names of the devices that were made of it: mapped ones, arrays. */
  readonly holders: readonly string[];
  /** True if this machine runs from that disk. */
  readonly isBootDisk: boolean;
}

/** Where file systems that a machine runs from are mounted. */
const SYSTEM_PATHS = ["/", "/boot", "/boot/efi", "/efi", "/usr"];

/**
 * Gathers what is known of a block device.
 *
 * @param name the kernel's name of it
 */
export function diskFacts(name: string): DiskFacts {
  const wholeDisk = wholeDiskOf(name);
  return {
    wholeDisk,
    partitions: namesIn(`/sys/class/block/${name}`).filter((entry) =>
      exists(`/sys/class/block/${name}/${entry}/partition`)
    ),
    holders: namesIn(`/sys/class/block/${name}/holders`),
    isBootDisk: bootDisks().includes(wholeDisk),
  };
}

/** The disks that the machine runs from. Where it runs from memory alone, there are none. */
function bootDisks(): string[] {
  return readMountTable()
    .filter(({ path }) => SYSTEM_PATHS.includes(path))
    .flatMap(({ device, source }) => nameOf(`/sys/dev/block/${device}`) ?? nameOfNode(source) ?? [])
    .map(wholeDiskOf);
}

/** File systems with several devices have a number that is none of theirs; what was mounted is one of them. */
function nameOfNode(source: string): string | undefined {
  return source.startsWith("/dev/")
    ? nameOf(`/sys/class/block/${source.slice("/dev/".length)}`)
    : undefined;
}

function wholeDiskOf(name: string): string {
  if (!exists(`/sys/class/block/${name}/partition`)) return name;
  // …/block/nvme0n1/nvme0n1p1
  return Deno.realPathSync(`/sys/class/block/${name}`).split("/").at(-2)!;
}

function nameOf(link: string): string | undefined {
  return exists(link) ? Deno.realPathSync(link).split("/").at(-1) : undefined;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
