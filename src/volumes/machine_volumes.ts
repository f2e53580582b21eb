import { DeviceEvents } from "../../ffi/device_events.ts";
import { diskSize } from "./block_devices.ts";
import type { VolumeManagerServices } from "./volume_manager.ts";
import { readMountTable } from "./mount_table.ts";
import { usageOf } from "./usage.ts";
import { runVolumeTask } from "./volume_process.ts";

/** So long a server has to let its export be mounted. */
const NFS_MOUNT_PATIENCE_MS = 120_000;
/** So long a server has to be measured. */
const MEASURE_PATIENCE_MS = 30_000;

/** The volumes of this machine. Whatever may hang does so in a process of its own. */
export const machineVolumes: VolumeManagerServices = {
  mount: (volume, options) =>
    runVolumeTask({ task: "mount", volume }, {
      ...options,
      // A disk is waited for, however slow it is: its log may have to be replayed.
      ...volume.fstype === "nfs4" && { patience: NFS_MOUNT_PATIENCE_MS },
    }),
  isMountPoint: (path) => readMountTable().some((mount) => mount.path === path),
  async remount(volume) {
    await runVolumeTask({ task: "remount", volume });
  },
  async unmount({ path }, { lazily }) {
    await runVolumeTask({ task: "unmount", path, lazily });
  },
  async grow({ path }, device) {
    return await runVolumeTask({ task: "grow", path, device }) ?? undefined;
  },
  diskSize,
  usage: usageOf,
  measure: (path) => runVolumeTask({ task: "measure", path }, { patience: MEASURE_PATIENCE_MS }),
  async sync(patience) {
    await runVolumeTask({ task: "sync" }, { patience });
  },
  watchDevices: (onChange) =>
    new DeviceEvents((events) => {
      if (events === undefined || events.some((event) => event.get("SUBSYSTEM") === "block")) {
        onChange();
      }
    }),
};
