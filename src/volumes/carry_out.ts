import { umount, UmountFlag } from "../../ffi/mount.ts";
import { sync } from "../../ffi/reboot.ts";
import type { VolumeSettings } from "../config/settings.ts";
import { growXfs } from "./grow_xfs.ts";
import { mountNfs } from "./nfs.ts";
import type { MountedVolume, VolumeTask, VolumeTaskResults } from "./task.ts";
import { mountXfs } from "./mount_xfs.ts";
import { remount } from "./remount.ts";
import { usageOf } from "./usage.ts";

/**
 * Does what a volume child is told. Anything in here may block for ever.
 *
 * @param note called with what is worth a line in the log
 */
export async function carryOut(
  task: VolumeTask,
  note: (text: string) => void,
): Promise<VolumeTaskResults[keyof VolumeTaskResults]> {
  switch (task.task) {
    case "mount":
      return await mountVolume(task.volume, note);
    case "remount":
      remount(task.volume);
      return null;
    case "unmount":
      umount(task.path, task.lazily ? UmountFlag.DETACH : 0);
      return null;
    case "grow":
      return growXfs(task) ?? null;
    case "measure":
      return usageOf(task.path);
    case "sync":
      sync();
      return null;
  }
}

async function mountVolume(
  volume: VolumeSettings,
  note: (text: string) => void,
): Promise<MountedVolume> {
  if (volume.fstype === "xfs") return await mountXfs(volume, note);
  await mountNfs(volume, note);
  return { source: volume.device, mountPoint: Deno.realPathSync(volume.path) };
}
