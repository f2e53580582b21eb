/** The names and numbers of Linux's capabilities. */

/** Every capability with its bit (include/uapi/linux/capability.h, capabilities(7)). */
export const CAPABILITIES = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_DAC_READ_SEARCH: 2,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_LINUX_IMMUTABLE: 9,
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_BROADCAST: 11,
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_IPC_LOCK: 14,
  CAP_IPC_OWNER: 15,
  CAP_SYS_MODULE: 16,
  CAP_SYS_RAWIO: 17,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_PACCT: 20,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_BOOT: 22,
  CAP_SYS_NICE: 23,
  CAP_SYS_RESOURCE: 24,
  CAP_SYS_TIME: 25,
  CAP_SYS_TTY_CONFIG: 26,
  CAP_MKNOD: 27,
  CAP_LEASE: 28,
  CAP_AUDIT_WRITE: 29,
  CAP_AUDIT_CONTROL: 30,
  CAP_SETFCAP: 31,
  CAP_MAC_OVERRIDE: 32,
  CAP_MAC_ADMIN: 33,
  CAP_SYSLOG: 34,
  CAP_WAKE_ALARM: 35,
  CAP_BLOCK_SUSPEND: 36,
  CAP_AUDIT_READ: 37,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
  CAP_CHECKPOINT_RESTORE: 40,
} as const;

/** The canonical name of a capability, `CAP_NET_BIND_SERVICE`. */
export type CapabilityName = keyof typeof CAPABILITIES;

const names = new Set<string>(Object.keys(CAPABILITIES));

/**
 * Reads the name of a capability, with or without `CAP_` in front.
 *
 * @param name `NET_BIND_SERVICE` or `CAP_NET_BIND_SERVICE`; upper case, as the kernel's header spells it
 * @throws {TypeError} if there is no such capability
 */
export function parseCapability(name: string): CapabilityName {
  const canonical = name.startsWith("CAP_") ? name : `CAP_${name}`;
  if (!names.has(canonical)) {
    throw new TypeError(`Cannot use ${JSON.stringify(name)} as a capability: no such name`);
  }
  return canonical as CapabilityName;
}
