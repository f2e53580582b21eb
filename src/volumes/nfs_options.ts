import { type MountOptions, parseMountOptions } from "./mount_options.ts";

/** Mount options of an NFS volume: what has to be known to find the server, and what is the kernel's. */
export interface NfsOptions extends MountOptions {
  /** Minor versions of NFS 4 to try, in this order. */
  readonly minorVersions: readonly number[];
  /** The server's TCP port. */
  readonly port: number;
  /** The protocol of the addresses; undefined for either. */
  readonly family: 4 | 6 | undefined;
  /** The address at which the server may call back, where it is not the one that leads to it. */
  readonly clientAddress: string | undefined;
}

/** What nobody has asked for is the newest that the server has. */
const ALL_MINOR_VERSIONS = [2, 1, 0];
const DEFAULT_PORT = 2049;

/**
 * Reads the options of an NFS volume: nfs(5). Those that are not a matter of finding the server are left to the kernel.
 *
 * @throws {Error} if they ask for what there is not
 */
export function parseNfsOptions(text: string): NfsOptions {
  const { flags, data } = parseMountOptions(text);
  const rest: string[] = [];
  let minorVersions = ALL_MINOR_VERSIONS;
  let port = DEFAULT_PORT;
  let family: NfsOptions["family"];
  let clientAddress: string | undefined;
  for (const option of data.split(",").filter((option) => option !== "")) {
    const [name = "", value = ""] = option.split("=");
    switch (name) {
      case "vers":
      case "nfsvers":
        minorVersions = minorVersionsOf(value);
        break;
      case "minorversion":
        minorVersions = minorVersionsOf(`4.${value}`);
        break;
      case "port":
        port = portOf(value);
        break;
      case "proto":
        family = familyOf(value);
        break;
      case "clientaddr":
        clientAddress = value;
        break;
      case "addr":
        throw new Error(`Cannot use the option "${option}": the address is looked up at each try`);
      // For mount(8): whether and how long to try again is this program's business.
      case "bg":
      case "fg":
      case "retry":
        break;
      default:
        rest.push(option);
    }
  }
  return { flags, data: rest.join(","), minorVersions, port, family, clientAddress };
}

function minorVersionsOf(version: string): number[] {
  if (version === "4") return ALL_MINOR_VERSIONS;
  const minor = /^4\.([012])$/.exec(version)?.[1];
  if (minor === undefined) {
    throw new Error(`Cannot use NFS "${version}": the versions are 4, 4.0, 4.1 and 4.2`);
  }
  return [Number(minor)];
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`Cannot use the port "${text}"`);
  // nfs(5): "If this option is not specified, or if the specified port value is 0", it is the standard port.
  return port || DEFAULT_PORT;
}

function familyOf(protocol: string): 4 | 6 {
  if (protocol === "tcp") return 4;
  if (protocol === "tcp6") return 6;
  throw new Error(`Cannot use the protocol "${protocol}": there are "tcp" and "tcp6"`);
}
