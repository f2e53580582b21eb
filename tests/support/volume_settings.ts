import type { XfsVolume } from "../../src/config/settings.ts";

/** Settings of a volume for tests: defaults, and what the test cares about. */
export function volumeSettings(changes: Partial<XfsVolume> = {}): XfsVolume {
  return {
    path: "/srv",
    device: "/dev/sdb",
    fstype: "xfs",
    options: "",
    format: "never",
    ...changes,
  };
}
