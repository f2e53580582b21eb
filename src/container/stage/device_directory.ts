import { close } from "../../../ffi/descriptors.ts";
import { mount, MountFlag } from "../../../ffi/mount.ts";
import { descriptorPath, type RootDirectory } from "../../../ffi/root_directory.ts";

const { NODEV, NOEXEC, NOSUID, STRICTATIME } = MountFlag;

/** The devices that every container has (runtime-spec, config-linux.md#default-devices): name, major, minor. */
const DEVICES: readonly (readonly [string, number, number])[] = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
];

/** Symlinks in `/dev`: target, name. */
const LINKS: readonly (readonly [string, string])[] = [
  ["/proc/self/fd", "fd"],
  ["/proc/self/fd/0", "stdin"],
  ["/proc/self/fd/1", "stdout"],
  ["/proc/self/fd/2", "stderr"],
  ["pts/ptmx", "ptmx"],
];

/** File systems below `/dev`. */
const BELOW = [
  {
    name: "pts",
    fstype: "devpts",
    flags: NOSUID | NOEXEC,
    // gid 5 is tty in every distribution, and what grantpt(3) expects
    data: "newinstance,ptmxmode=0666,mode=0620,gid=5",
  },
  { name: "mqueue", fstype: "mqueue", flags: NOSUID | NODEV | NOEXEC, data: "" },
];

/**
 * Mounts a `/dev` of the container's own: what the image has there is never used, and its symlink never followed.
 *
 * @throws {SyscallError} if the image's `/dev` is no directory
 */
export function mountDeviceDirectory(root: RootDirectory): void {
  const dev = root.openKernelDirectory("dev");
  try {
    mount({
      source: "tmpfs",
      target: descriptorPath(dev),
      fstype: "tmpfs",
      flags: NOSUID | NOEXEC | STRICTATIME,
      data: "mode=0755,size=64k",
      describe: "/dev",
    });
  } finally {
    close(dev);
  }
  for (const [name, major, minor] of DEVICES) {
    root.makeCharacterDevice(`/dev/${name}`, major, minor);
  }
  for (const [target, name] of LINKS) root.symlink(target, `/dev/${name}`);
  for (const { name, fstype, flags, data } of BELOW) {
    const path = `/dev/${name}`;
    const target = root.openOrMake(path, "directory");
    try {
      mount({
        source: fstype,
        target: descriptorPath(target),
        fstype,
        flags,
        data,
        describe: path,
      });
    } finally {
      close(target);
    }
  }
}
