/** An address that the kernel's command line gives the machine. */
export interface StaticAddress {
  readonly address: string;
  /** How many bits of it are the network's. */
  readonly prefixLength: number;
  readonly gateway?: string;
  readonly hostName?: string;
  /** The interface; absent: the first one with carrier. */
  readonly device?: string;
  readonly nameServers: readonly string[];
  readonly timeServer?: string;
}

/**
 * Reads `ip=` of a kernel command line, as the kernel does (Documentation/admin-guide/nfs/nfsroot.rst):
 * `ip=ADDRESS:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:METHOD:DNS1:DNS2:NTP`. A kernel that has no part for it, such as Debian's,
 * leaves it to us; for one that has, doing it again changes nothing.
 *
 * @returns undefined if it gives no address: it is left out, or asks for DHCP
 * @throws {Error} if it is malformed
 */
export function staticAddress(commandLine: string): StaticAddress | undefined {
  const value = commandLine.split(/\s+/).findLast((word) => word.startsWith("ip="))?.slice(3);
  if (value === undefined) return undefined;
  const [address, , gateway, netmask, hostName, device, , dns1, dns2, timeServer] = value.split(":")
    // The kernel takes 0.0.0.0 for "not said".
    .map((part) => part === "0.0.0.0" ? "" : part);
  // One word alone is a method: dhcp, on, any, off, none.
  if (!value.includes(":") && !isAddress(value) || !address) return undefined;
  const wrong = [address, gateway, dns1, dns2].find((part) => part && !isAddress(part));
  if (wrong !== undefined) {
    throw new Error(`Cannot use "ip=${value}": "${wrong}" is no IPv4 address`);
  }
  return {
    address,
    prefixLength: netmask ? prefixLengthOf(netmask, value) : classOf(address),
    ...gateway && { gateway },
    ...hostName && { hostName },
    ...device && { device },
    nameServers: [dns1, dns2].flatMap((server) => server ? [server] : []),
    ...timeServer && { timeServer },
  };
}

/** What the script that configures an interface is told of an address, as udhcpc would tell it. */
export function scriptVariables(
  { address, prefixLength, gateway, hostName, nameServers, timeServer }: StaticAddress,
): Record<string, string> {
  return {
    ip: address,
    mask: String(prefixLength),
    dns: nameServers.join(" "),
    ...gateway !== undefined && { router: gateway },
    ...hostName !== undefined && { hostname: hostName },
    ...timeServer !== undefined && { ntpsrv: timeServer },
  };
}

function isAddress(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
}

function toNumber(address: string): number {
  return address.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}

function prefixLengthOf(netmask: string, value: string): number {
  const bits = isAddress(netmask) ? toNumber(netmask).toString(2).padStart(32, "0") : "";
  if (!/^1+0*$/.test(bits)) throw new Error(`Cannot use "ip=${value}": "${netmask}" is no netmask`);
  return bits.lastIndexOf("1") + 1;
}

/** Without a netmask the kernel goes by the address's class. */
function classOf(address: string): number {
  const first = Number(address.split(".")[0]);
  if (first < 128) return 8;
  return first < 192 ? 16 : 24;
}
