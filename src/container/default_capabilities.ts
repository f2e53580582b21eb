import type { CapabilityName } from "./capabilities.ts";

/**
 * What a container that runs as root has unless its settings say otherwise: the set that docker gives
 * (moby, oci/caps/defaults.go), so that images which count on it work; but for CAP_MKNOD. In docker a device cgroup keeps
 * a device that was made from being opened. Here nothing does, and root in the container could make the machine's disk.
 */
export const DEFAULT_ROOT_CAPABILITIES: readonly CapabilityName[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SYS_CHROOT",
  "CAP_AUDIT_WRITE",
  "CAP_SETFCAP",
];
