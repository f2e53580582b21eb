import { lookup } from "node:dns/promises";
import { close } from "../../ffi/descriptors.ts";
import { isSyscallError } from "../../ffi/errno.ts";
import { attachMount, umount, UmountFlag } from "../../ffi/mount.ts";
import { createMount } from "../../ffi/mount_context.ts";
import { descriptorPath } from "../../ffi/root_directory.ts";
import type { NfsVolume } from "../config/settings.ts";
import { errorChain } from "../log/error_chain.ts";
import { giveRoot } from "./root_owner.ts";
import { readMountTable } from "./mount_table.ts";
import { type NfsOptions, parseNfsOptions } from "./nfs_options.ts";
import { pingNfs } from "./nfs_ping.ts";
import { parseNfsSource } from "./nfs_source.ts";

/** So long each address of a server has to say that it speaks NFS 4. */
const PING_PATIENCE_MS = 10_000;

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
  makeWay(volume, note);
  Deno.mkdirSync(path, { recursive: true });
  const failures: string[] = [];
  for (const address of await addressesOf(host, options)) {
    try {
      await mountFrom(address, volume, options);
      return;
    } catch (error) {
      failures.push(`${address}: ${errorChain(error).join(": ")}`);
    }
  }
  throw new Error(`Cannot mount "${device}" on "${path}"`, {
    cause: new Error(failures.join("; ")),
  });
}

/**
 * Unmounts what a Frontloader that was killed has left behind. Without a look at the directory itself: its server may be gone.
 *
 * @throws {Error} if something else is mounted there, which would be hidden
 */
function makeWay({ device, path }: NfsVolume, note: (text: string) => void): void {
  const found = readMountTable().findLast((mount) => mount.path === path);
  if (found === undefined) return;
  // Its source does not tell whether it is the same: two mounts of one server bear the name of the first.
  if (!found.fstype.startsWith("nfs")) {
    throw new Error(
      `Cannot mount "${device}" on "${path}": "${found.source}" (${found.fstype}) is mounted there`,
    );
  }
  umount(path, UmountFlag.DETACH);
  note("It was mounted already: mounting it anew");
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
  volume: NfsVolume,
  options: NfsOptions,
): Promise<void> {
  const { port, minorVersions } = options;
  const own = await pingNfs({ address, port, patience: PING_PATIENCE_MS });
  let root: number | undefined;
  for (const minor of minorVersions) {
    try {
      root = createMount({
        source: volume.device,
        target: volume.path,
        fstype: "nfs4",
        flags: options.flags,
        data: dataOf({ address, own, minor }, options),
      });
      break;
    } catch (error) {
      const isLast = minor === minorVersions.at(-1);
      if (!isLast && isSyscallError(error, "EPROTONOSUPPORT")) continue;
      throw new Error(reasonOf(error, volume, options), { cause: error });
    }
  }
  if (root === undefined) return;
  try {
    // Before anybody can see it.
    giveRoot(descriptorPath(root), volume);
    attachMount(root, volume.path);
  } finally {
    close(root);
  }
}

/** What the kernel is told: nfs(5). Of two that contradict each other the last one counts, so that nothing overrides these. */
function dataOf(
  { address, own, minor }: { address: string; own: string; minor: number },
  { data, port, clientAddress = own }: NfsOptions,
): string {
  const proto = address.includes(":") ? "tcp6" : "tcp";
  return [
    ...data === "" ? [] : [data],
    ...[`vers=4.${minor}`, `proto=${proto}`, `port=${port}`],
    ...[`addr=${address}`, `clientaddr=${clientAddress}`],
  ].join(",");
}

/** The errors of the kernel that have a meaning here which their name does not tell. */
function reasonOf(error: unknown, { device }: NfsVolume, { minorVersions }: NfsOptions): string {
  const { path } = parseNfsSource(device);
  if (isSyscallError(error, "ENOENT")) return `It exports no "${path}" to this machine`;
  if (isSyscallError(error, "EACCES", "EPERM")) {
    return `It does not let this machine mount "${path}"`;
  }
  if (isSyscallError(error, "EPROTONOSUPPORT")) {
    return `It does not have NFS ${minorVersions.map((minor) => `4.${minor}`).join(" or ")}`;
  }
  if (isSyscallError(error, "ENODEV")) return "The kernel of this machine has no NFS";
  return "It cannot be mounted";
}
