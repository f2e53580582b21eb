import { mount, MountFlag } from "../../../ffi/mount.ts";
import { changeRootToCurrentDirectory } from "../../../ffi/namespaces.ts";

/** Where the root is mounted a second time, for a moment. */
const SECOND_ROOT = "/mnt";

/**
 * Sees to it that containers can leave the machine's root behind, by pivot_root.
 *
 * A machine that runs from its initramfs has the kernel's `rootfs` as root: the one mount that can neither be moved nor
 * unmounted, since nothing is below it, and pivot_root fails there (EINVAL). So the same file system is mounted once more, on
 * top of itself, and that mount becomes the root, as `switch_root` does with another file system. This takes no memory, as
 * a copy would.
 *
 * In a container's mount namespace the machine's files then lie below the container's root, where those of any other machine
 * have an empty directory. To get there takes unmounting that root, which is for CAP_SYS_ADMIN alone; a user namespace does
 * not help, as its copies of mounts are locked together (mount_namespaces(7)).
 *
 * @param mountInfo `/proc/self/mountinfo`
 * @returns false if there is nothing to do
 * @throws {SyscallError}
 */
export function makeRootLeavable(mountInfo: string): boolean {
  if (!isLowestRoot(mountInfo)) return false;
  Deno.mkdirSync(SECOND_ROOT, { recursive: true });
  mount({ source: "/", target: SECOND_ROOT, flags: MountFlag.BIND | MountFlag.REC });
  Deno.chdir(SECOND_ROOT);
  mount({ source: ".", target: "/", flags: MountFlag.MOVE });
  changeRootToCurrentDirectory();
  Deno.chdir("/");
  return true;
}

/**
 * True if nothing is below the root: it is its own parent then.
 *
 * @param mountInfo in the form of proc_pid_mountinfo(5): mount id, parent's id, device, root, mount point, …
 */
export function isLowestRoot(mountInfo: string): boolean {
  return mountInfo.split("\n").some((line) => {
    const [id, parent, , , mountPoint] = line.split(" ");
    return mountPoint === "/" && id === parent;
  });
}
