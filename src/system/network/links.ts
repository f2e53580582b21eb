/** Network interfaces, as sysfs shows them (Documentation/ABI/testing/sysfs-class-net). */
import { pathExists } from "../path_exists.ts";

const DIRECTORY = "/sys/class/net";
/** `ARPHRD_ETHER` of linux/if_arp.h. */
const ETHERNET = "1";

/** A network interface with hardware behind it. */
export interface Link {
  readonly name: string;
  /** The kernel's number of it: they are numbered as they are found. */
  readonly index: number;
  /** True if it is switched on and something is at the other end. */
  readonly hasCarrier: boolean;
}

/** The Ethernet interfaces of this machine that are devices: not loopback, and none that somebody has made up. */
export function links(directory = DIRECTORY): Link[] {
  return names(directory).flatMap((name) => {
    const read = (file: string) => readText(`${directory}/${name}/${file}`);
    if (read("type") !== ETHERNET || !pathExists(`${directory}/${name}/device`)) return [];
    // One that is switched off has no answer for "carrier".
    return [{ name, index: Number(read("ifindex")), hasCarrier: read("carrier") === "1" }];
  }).sort((a, b) => a.index - b.index);
}

/**
 * Chooses the interface that gets the machine's address: the first one with carrier, and then that one as long as it has it.
 *
 * @param current the one that was chosen before
 * @returns undefined if there is none with carrier
 */
export function chooseLink(
  links: readonly Link[],
  current: string | undefined,
): string | undefined {
  const ready = links.filter(({ hasCarrier }) => hasCarrier).map(({ name }) => name);
  return current !== undefined && ready.includes(current) ? current : ready[0];
}

function names(directory: string): string[] {
  try {
    return Array.from(Deno.readDirSync(directory), ({ name }) => name);
  } catch {
    // A kernel without network.
    return [];
  }
}

/** Interfaces can go away while they are looked at, and some files have no answer at times. */
function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return undefined;
  }
}
