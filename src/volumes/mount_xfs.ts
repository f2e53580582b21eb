import { close } from "../../ffi/descriptors.ts";
import { attachMount } from "../../ffi/mount.ts";
import { createMount } from "../../ffi/mount_context.ts";
import { descriptorPath } from "../../ffi/root_directory.ts";
import type { XfsVolume } from "../config/settings.ts";
import { errorChain } from "../log/error_chain.ts";
import { blockDevices, diskName, diskSize, numbersOf, readStart } from "./block_devices.ts";
import { findDevice } from "./find_device.ts";
import { formatIfBlank } from "./format.ts";
import { growXfs } from "./grow_xfs.ts";
import { isReadOnly, type MountOptions, parseMountOptions } from "./mount_options.ts";
import { kernelMessages } from "./kernel_messages.ts";
import { readMountTable } from "./mount_table.ts";
import { remount } from "./remount.ts";
import { giveRoot } from "./root_owner.ts";
import type { MountedVolume } from "./task.ts";
import { whatIsOn } from "./what_is_on.ts";
import { parseXfsSuperblock } from "./xfs_superblock.ts";

/**
 * Mounts an XFS, and grows it to the size of its device. Runs in a volume child: it may block.
 *
 * @param note called when something was done that is worth a line in the log
 * @throws {NoDeviceError} if its device is not there
 * @throws {Error} if it does not work; nothing has been written to the device then
 */
export async function mountXfs(
  volume: XfsVolume,
  note: (text: string) => void,
): Promise<MountedVolume> {
  const { path } = volume;
  const source = findDevice(volume.device, blockDevices);
  const disk = diskName(source);
  Deno.mkdirSync(path, { recursive: true, mode: 0o755 });
  const mountPoint = Deno.realPathSync(path);
  const options = parseMountOptions(volume.options);
  if (isMountedAlready(mountPoint, source)) {
    // A Frontloader that was killed has left it behind.
    remount(volume);
    note(`${source} was mounted already`);
  } else {
    await makeSureThereIsAnXfs(volume, source, note);
    mountDevice({ source, mountPoint, disk }, volume, options);
  }
  if (isReadOnly(options)) return { source, mountPoint, disk };
  // Before the look at the file system: what comes to the device after it will be noticed.
  const mounted: MountedVolume = { source, mountPoint, disk, diskSize: diskSize(disk) };
  try {
    return { ...mounted, growth: growXfs({ path, device: source }) };
  } catch (error) {
    return { ...mounted, growthError: errorChain(error) };
  }
}

/** @throws {Error} if something else is mounted there, which would be hidden */
function isMountedAlready(mountPoint: string, source: string): boolean {
  const found = readMountTable().findLast(({ path }) => path === mountPoint);
  if (found === undefined) return false;
  const device = numbersOf(Deno.statSync(source).rdev!);
  if (found.fstype === "xfs" && found.device === device) return true;
  throw new Error(
    `Cannot mount "${source}" on "${mountPoint}": "${found.source}" (${found.fstype}) is mounted there`,
  );
}

async function makeSureThereIsAnXfs(
  { path, format }: XfsVolume,
  source: string,
  note: (text: string) => void,
): Promise<void> {
  const start = readStart(source);
  if (start === undefined) throw new Error(`Cannot read the beginning of "${source}"`);
  if (parseXfsSuperblock(start) !== undefined) return;
  const startsBlank = start.every((byte) => byte === 0);
  if (startsBlank && format === "ifBlank") return await formatIfBlank(source, note);
  const found = await whatIsOn(source);
  const hint = startsBlank && format === "never"
    ? `; were it blank, the volume's "format": "ifBlank" would have one made`
    : "";
  throw new Error(`Cannot mount "${source}" on "${path}": it has no XFS but ${found}${hint}`);
}

function mountDevice(
  { source, mountPoint, disk }: Required<Pick<MountedVolume, "source" | "mountPoint" | "disk">>,
  { path, uid, gid }: XfsVolume,
  { flags, data }: MountOptions,
): void {
  using messages = kernelMessages();
  let root: number;
  try {
    root = createMount({ source, target: path, fstype: "xfs", flags, data });
  } catch (error) {
    // XFS gives most of its reasons to the kernel's log alone.
    const said = messages.take().filter((line) => line.startsWith(`XFS (${disk})`));
    if (said.length === 0) throw error;
    const reason = new Error(`The kernel's log says: ${said.slice(0, 4).join("; ")}`);
    throw new Error((error as Error).message, { cause: reason });
  }
  try {
    // Before anybody can see it.
    giveRoot(descriptorPath(root), { uid, gid });
    attachMount(root, mountPoint);
  } finally {
    close(root);
  }
}
