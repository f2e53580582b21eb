/**
 * Where the cgroup2 file system is mounted.
 *
 * @param mountInfo text of `/proc/self/mountinfo` (proc_pid_mountinfo(5))
 * @returns undefined if it is nowhere, or only parts of it are
 */
export function findCgroupMount(mountInfo: string): string | undefined {
  for (const line of mountInfo.split("\n")) {
    const [mount = "", fileSystem = ""] = line.split(" - ");
    const [, , , root, target] = mount.split(" ");
    if (fileSystem.startsWith("cgroup2 ") && root === "/" && target !== undefined) return target;
  }
  return undefined;
}

/**
 * The cgroup that a process is in, `/` for the root.
 *
 * @param text of `/proc/PID/cgroup` (cgroups(7)): the line of cgroup v2 begins with `0::`
 */
export function ownCgroup(text: string): string | undefined {
  return /^0::(.*)$/m.exec(text)?.[1];
}
