import { lookup } from "node:dns/promises";
import { close } from "../../ffi/descriptors.ts";
import { isSyscallError } from "../../ffi/errno.ts";
import { attachMount } from "../../ffi/mount.ts";
import { createMount } from "../../ffi/mount_context.ts";
import { descriptorPath } from "../../ffi/root_directory.ts";
import type { NfsVolume } from "../config/settings.ts";
import { errorChain } from "../log/error_chain.ts";
import { giveRoot } from "./root_owner.ts";
import { clearMountPoint } from "./nfs_mount_point.ts";
import { type NfsOptions, parseNfsOptions } from "./nfs_options.ts";
import { pingNfs } from "./nfs_ping.ts";
import { parseNfsSource } from "./nfs_source.ts";

/** So long each address of a server has to say that it speaks NFS 4. */
const PING_PATIENCE_MS = 10_000;

/** The two ends of the way to a server. */
interface Addresses {
  readonly address: string;
  /** This machine's. */
  readonly own: string;
}

/**
 * Mounts what a server exports, by NFS 4. Runs in a volume child: it may block, and whoever started it ends it then.
 *
 * The server's name is looked up, and its addresses are tried one after the other. The kernel knows of addresses only, which
 * mount.nfs(8) gives it as `addr=` and `clientaddr=`.
 *
 * @param note called when something was done that is worth a line in the log
 * @throws {Error} if it does not work with any of the addresses, with what each of them says
 */
export async function mountNfs(volume: NfsVolume, note: (text: string) => void): Promise<void> {
  const { device, path } = volume;
  const { host } = parseNfsSource(device);
  const options = parseNfsOptions(volume.options);
  const mountPoint = clearMountPoint(volume, note);
  const failures: string[] = [];
  for (const address of await addressesOf(host, options)) {
    try {
      await mountFrom(address, mountPoint, volume, options);
      return;
    } catch (error) {
      failures.push(`${address}: ${errorChain(error).join(": ")}`);
    }
  }
  throw new Error(`Cannot mount "${device}" on "${path}"`, {
    cause: new Error(failures.join("; ")),
  });
}

/** @throws {Error} if the name has no address */
async function addressesOf(host: string, { family }: NfsOptions): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true, ...family !== undefined && { family } });
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    throw new Error(`Cannot find the address of "${host}"`, { cause: error });
  }
}

async function mountFrom(
  address: string,
  mountPoint: string,
  volume: NfsVolume,
  options: NfsOptions,
): Promise<void> {
  const { port } = options;
  const own = await pingNfs({ address, port, patience: PING_PATIENCE_MS });
  const root = createNewest({ address, own }, volume, options);
  try {
    // Before anybody can see it.
    giveRoot(descriptorPath(root), volume);
    attachMount(root, mountPoint);
  } finally {
    close(root);
  }
}

/** @returns the mount, attached nowhere, with the first version that the server has of those that are wanted */
function createNewest(addresses: Addresses, volume: NfsVolume, options: NfsOptions): number {
  let failure: unknown;
  for (const minor of options.minorVersions) {
    try {
      return createMount({
        source: volume.device,
        target: volume.path,
        fstype: "nfs4",
        flags: options.flags,
        data: dataOf(addresses, minor, options),
      });
    } catch (error) {
      failure = error;
      if (!isSyscallError(error, "EPROTONOSUPPORT")) break;
    }
  }
  throw explain(failure, volume, options);
}

/** What the kernel is told: nfs(5). Of two that contradict each other the last one counts, so that nothing overrides these. */
function dataOf(
  { address, own }: Addresses,
  minor: number,
  { data, port, clientAddress = own }: NfsOptions,
): string {
  const proto = address.includes(":") ? "tcp6" : "tcp";
  return [
    ...data === "" ? [] : [data],
    ...[`vers=4.${minor}`, `proto=${proto}`, `port=${port}`],
    ...[`addr=${address}`, `clientaddr=${clientAddress}`],
  ].join(",");
}

/** Says what the kernel's errors mean here, where their names do not tell. */
function explain(error: unknown, { device }: NfsVolume, { minorVersions }: NfsOptions): unknown {
  if (!isSyscallError(error)) return error;
  const { path } = parseNfsSource(device);
  const meanings: Readonly<Record<string, string>> = {
    ENOENT: `It exports no "${path}" to this machine`,
    EACCES: `It does not let this machine mount "${path}"`,
    EPERM: `It does not let this machine mount "${path}"`,
    EPROTONOSUPPORT: `It does not have NFS ${
      minorVersions.map((minor) => `4.${minor}`).join(" or ")
    }`,
    ENODEV: "The kernel of this machine has no NFS",
  };
  const meaning = meanings[error.code] ?? "It cannot be mounted";
  return new Error(`${meaning} (${error.code})`, { cause: error.cause });
}
