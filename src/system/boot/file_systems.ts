import { mount, MountFlag, type MountOptions } from "../../../ffi/mount.ts";

const { NODEV, NOEXEC, NOSUID } = MountFlag;

/** A file system of the kernel's. */
export interface KernelFileSystem {
  readonly target: string;
  readonly fstype: string;
  readonly flags: number;
  readonly data?: string;
  /** True if a machine can do without it. */
  readonly optional?: boolean;
}

/** What Deno itself needs, to know where its own program is. */
export const PROC: KernelFileSystem = {
  target: "/proc",
  fstype: "proc",
  flags: NODEV | NOEXEC | NOSUID,
};

/** What a Linux system is expected to have, each after what it lies in. */
export const KERNEL_FILE_SYSTEMS: readonly KernelFileSystem[] = [
  PROC,
  { target: "/sys", fstype: "sysfs", flags: NODEV | NOEXEC | NOSUID },
  { target: "/dev", fstype: "devtmpfs", flags: NOSUID, data: "mode=0755" },
  {
    target: "/dev/pts",
    fstype: "devpts",
    flags: NOEXEC | NOSUID,
    // gid 5 is tty in every distribution, and what grantpt(3) expects
    data: "mode=0620,gid=5,ptmxmode=0666",
  },
  { target: "/dev/shm", fstype: "tmpfs", flags: NODEV | NOSUID, data: "mode=1777" },
  { target: "/run", fstype: "tmpfs", flags: NODEV | NOSUID, data: "mode=0755" },
  { target: "/tmp", fstype: "tmpfs", flags: NODEV | NOSUID, data: "mode=1777" },
  { target: "/sys/fs/cgroup", fstype: "cgroup2", flags: NODEV | NOEXEC | NOSUID },
  {
    target: "/sys/firmware/efi/efivars",
    fstype: "efivarfs",
    flags: NODEV | NOEXEC | NOSUID,
    optional: true,
  },
];

/** Links in `/dev` that programs expect and devtmpfs does not make: name, target. */
const DEVICE_LINKS = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
] as const;

/**
 * Mounts file systems where nothing is mounted yet: the kernel, or whoever started this program, may have mounted some.
 *
 * @returns the mount points of those that it has mounted
 * @throws {SyscallError}
 */
export function mountFileSystems(
  fileSystems: readonly KernelFileSystem[],
  kernel: { mount(options: MountOptions): void; isMountPoint(path: string): boolean } = {
    mount,
    isMountPoint,
  },
): string[] {
  const mounted: string[] = [];
  for (const { target, fstype, flags, data, optional } of fileSystems) {
    try {
      if (kernel.isMountPoint(target)) continue;
      kernel.mount({ source: fstype, target, fstype, flags, data });
      mounted.push(target);
    } catch (error) {
      if (!optional) throw error;
    }
  }
  return mounted;
}

/** Completes `/dev`. */
export function makeDeviceLinks(): void {
  for (const [name, target] of DEVICE_LINKS) {
    try {
      Deno.symlinkSync(target, `/dev/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** True if something is mounted on this directory, which is made if it is missing. */
export function isMountPoint(path: string): boolean {
  try {
    return Deno.statSync(path).dev !== Deno.statSync(`${path}/..`).dev;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    Deno.mkdirSync(path, { recursive: true });
    return false;
  }
}
