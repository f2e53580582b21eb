import { join, parse } from "node:path";
import { umount, UmountFlag } from "../../ffi/mount.ts";
import type { NfsVolume } from "../config/settings.ts";
import { type Mount, readMountTable } from "./mount_table.ts";

/**
 * Makes sure that an NFS volume has a directory to be mounted on, with nothing on it.
 *
 * A Frontloader that was killed leaves its mounts behind, and their servers may be gone: they are unmounted without being asked
 * for anything.
 *
 * @param note called when something was done that is worth a line in the log
 * @returns where the volume's path leads to, without symlinks
 * @throws {Error} if something else is mounted there, which would be hidden
 */
export function clearMountPoint(
  { device, path }: NfsVolume,
  note: (text: string) => void,
): string {
  const mountPoint = makeMountPoint(path);
  const found = mountedOn(mountPoint);
  if (found === undefined) return mountPoint;
  // Its source does not tell whether it is the same: two mounts of one server bear the name of the first.
  if (!found.fstype.startsWith("nfs")) {
    throw new Error(
      `Cannot mount "${device}" on "${mountPoint}": "${found.source}" (${found.fstype}) is mounted there`,
    );
  }
  umount(mountPoint, UmountFlag.DETACH);
  note("It was mounted already: mounting it anew");
  return mountPoint;
}

function makeMountPoint(path: string): string {
  const { dir, base } = parse(path);
  Deno.mkdirSync(dir, { recursive: true, mode: 0o755 });
  const mountPoint = join(Deno.realPathSync(dir), base);
  if (mountedOn(mountPoint) !== undefined) return mountPoint;
  Deno.mkdirSync(mountPoint, { recursive: true, mode: 0o755 });
  return Deno.realPathSync(mountPoint);
}

function mountedOn(mountPoint: string): Mount | undefined {
  return readMountTable().findLast((mount) => mount.path === mountPoint);
}
