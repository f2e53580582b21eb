import { writeKernelFile } from "../../../ffi/kernel_files.ts";
import { mount, MountFlag } from "../../../ffi/mount.ts";
import { CloneFlag, unshare } from "../../../ffi/namespaces.ts";
import { descriptorPath, type RootDirectory } from "../../../ffi/root_directory.ts";
import { close } from "../../../ffi/descriptors.ts";

/**
 * Moves this process into the container's cgroup, which it sees as the root of all from then on.
 *
 * Not before there is something to do: what the start of the runtime takes, in memory, threads and time, is none of the
 * container's business, and would not fit small limits. Memory stays where it was counted (cgroup-v2.rst, Memory Ownership).
 *
 * @param path of the cgroup on the machine; null to stay
 * @throws {SyscallError}
 */
export function enterCgroup(path: string | null): void {
  if (path === null) return;
  writeKernelFile(`${path}/cgroup.procs`, "0");
  unshare(CloneFlag.NEWCGROUP);
}

/**
 * Mounts the container's own cgroup for reading: language runtimes look there for how much memory and how many CPUs they may
 * use. To be called where it is the root of the cgroup namespace, and once `/sys` is there.
 *
 * @throws {SyscallError}
 */
export function mountCgroup(root: RootDirectory): void {
  const { NODEV, NOEXEC, NOSUID, RDONLY } = MountFlag;
  const path = "/sys/fs/cgroup";
  const target = root.open(path);
  try {
    mount({
      source: "cgroup",
      target: descriptorPath(target),
      fstype: "cgroup2",
      flags: NOSUID | NODEV | NOEXEC | RDONLY,
      describe: path,
    });
  } finally {
    close(target);
  }
}
