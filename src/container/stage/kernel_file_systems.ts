import { close } from "../../../ffi/descriptors.ts";
import { isSyscallError } from "../../../ffi/errno.ts";
import { mount, MountFlag } from "../../../ffi/mount.ts";
import { descriptorPath, type RootDirectory } from "../../../ffi/root_directory.ts";

const { BIND, NODEV, NOEXEC, NOSUID, RDONLY, REC, RELATIME, REMOUNT } = MountFlag;

/** Paths that tell too much or do too much; hidden, as runc hides them (opencontainers/runc, specconv/example.go). */
const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/** Paths that are readable and not writable, as in runc. */
const READ_ONLY_PATHS = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/**
 * Mounts `/proc` of the new pid namespace and a read-only `/sys`.
 *
 * @throws {SyscallError} if the image has a symlink or a file in their place
 */
export function mountKernelFileSystems(root: RootDirectory): void {
  for (
    const { name, fstype, flags } of [
      { name: "proc", fstype: "proc", flags: NOSUID | NODEV | NOEXEC },
      { name: "sys", fstype: "sysfs", flags: NOSUID | NODEV | NOEXEC | RDONLY },
    ]
  ) {
    const target = root.openKernelDirectory(name);
    try {
      mount({
        source: fstype,
        target: descriptorPath(target),
        fstype,
        flags,
        describe: `/${name}`,
      });
    } finally {
      close(target);
    }
  }
}

/**
 * Hides and write-protects parts of `/proc` and `/sys`. Comes last: it must cover what was mounted before.
 *
 * @param nullDevice path of what hides files: the container's own `/dev/null`, since root in there may change its mode
 */
export function maskKernelFileSystems(root: RootDirectory, nullDevice: string): void {
  for (const path of READ_ONLY_PATHS) {
    withPath(root, path, (target) => {
      mount({ source: target, target, flags: BIND | REC, describe: path });
    });
    // The descriptor above is of what lies below the new mount; the flags go on the mount itself.
    withPath(root, path, (target) => {
      mount({
        source: "none",
        target,
        flags: BIND | REMOUNT | RDONLY | NOSUID | NODEV | NOEXEC | RELATIME,
        describe: path,
      });
    });
  }
  for (const path of [...MASKED_PATHS, ...thermalPaths(root)]) {
    withPath(root, path, (target) => {
      if (Deno.statSync(target).isDirectory) {
        const flags = RDONLY | NOSUID | NODEV | NOEXEC;
        mount({
          source: "tmpfs",
          target,
          fstype: "tmpfs",
          flags,
          data: "size=0,mode=0555",
          describe: path,
        });
      } else {
        mount({ source: nullDevice, target, flags: BIND, describe: path });
      }
    });
  }
}

/** How hot each CPU is tells what others compute on it; docker hides it, too (moby, oci/defaults.go). */
function thermalPaths(root: RootDirectory): string[] {
  const found: string[] = [];
  const directory = "/sys/devices/system/cpu";
  withPath(root, directory, (target) => {
    for (const { name } of Deno.readDirSync(target)) {
      if (/^cpu\d+$/.test(name)) found.push(`${directory}/${name}/thermal_throttle`);
    }
  });
  return found;
}

/** Calls `use` with a path to what `path` leads to inside; not at all where this kernel has no such file. */
function withPath(root: RootDirectory, path: string, use: (target: string) => void): void {
  let fd: number;
  try {
    fd = root.open(path);
  } catch (error) {
    if (isSyscallError(error, "ENOENT")) return;
    throw error;
  }
  try {
    use(descriptorPath(fd));
  } finally {
    close(fd);
  }
}
