/** Mount namespaces, entered without a change of what paths mean. */
import { mount, MountFlag } from "../../ffi/mount.ts";
import {
  changeRootToCurrentDirectory,
  CloneFlag,
  enterFirstRoot,
  setns,
  unshare,
} from "../../ffi/namespaces.ts";
import { RootDirectory } from "../../ffi/root_directory.ts";

/**
 * Moves the main thread, with its root, into a new mount namespace. Nothing that is mounted there shows up elsewhere. The current
 * directory is the root after this.
 *
 * @param others further {@linkcode CloneFlag} values, or-ed
 * @throws {SyscallError}
 */
export function enterPrivateMountNamespace(others = 0): void {
  unshare(CloneFlag.NEWNS | others);
  using root = RootDirectory.open("/");
  // In a chroot "/" is no mount, or not the one that all others are on.
  enterFirstRoot();
  mount({ source: "none", target: "/", flags: MountFlag.REC | MountFlag.PRIVATE });
  becomeRoot(root);
}

/**
 * Moves the main thread into a mount namespace, whose first root its root would be from then on (setns(2)).
 *
 * @param fd an open `/proc/PID/ns/mnt`
 * @param root the root that it is to have, opened in that namespace
 * @throws {SyscallError}
 */
export function returnToMountNamespace(fd: number, root: RootDirectory): void {
  // Threads of the runtime share root and current directory with this one.
  unshare(CloneFlag.FS);
  setns(fd, CloneFlag.NEWNS);
  becomeRoot(root);
}

function becomeRoot(root: RootDirectory): void {
  root.enter();
  changeRootToCurrentDirectory();
}
