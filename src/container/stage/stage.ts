/**
 * The stage: a short-lived process of Frontloader's own, PID 1 of a new pid namespace, that turns itself into a container.
 *
 * It uses synchronous calls only: they act on the main thread, whose namespaces and credentials are being changed, and
 * asynchronous ones run on threads that are left behind. It ends in execve, which replaces the whole process.
 */
import { setParentDeathSignal } from "../../../ffi/credentials.ts";
import { close, replaceDescriptor, sealedMemfd } from "../../../ffi/descriptors.ts";
import { mount, MountFlag, umount, UmountFlag } from "../../../ffi/mount.ts";
import {
  CloneFlag,
  enterFirstRoot,
  pivotRootToCurrentDirectory,
  setHostname,
} from "../../../ffi/namespaces.ts";
import { closeOnExecFrom, exec, resetSignals, Signal, umask } from "../../../ffi/process.ts";
import { descriptorPath, RootDirectory } from "../../../ffi/root_directory.ts";
import { type LaunchSpec, StageDescriptor } from "../launch_spec.ts";
import { enterPrivateMountNamespace } from "../../system/mount_namespace.ts";
import { enterCgroup, mountCgroup } from "./cgroup.ts";
import { runFace } from "./face.ts";
import { assumeIdentity } from "./identity.ts";
import { becomeInit, sayReady } from "./init.ts";
import { mountTmpfs } from "./temporary_file_systems.ts";
import { earlyTmpfs, mountUserMounts, type UserMounts } from "./user_mounts.ts";
import type { TmpfsSettings } from "../../config/settings.ts";
import { mountDeviceDirectory } from "./device_directory.ts";
import { maskKernelFileSystems, mountKernelFileSystems } from "./kernel_file_systems.ts";

const encoder = new TextEncoder();

/**
 * Runs the stage: reads a {@linkcode LaunchSpec} from descriptor 0 and becomes that container.
 *
 * @returns only on failure, after the reason was written to the status pipe: the exit status
 */
export function runStage(): number {
  return runFace(becomeContainer);
}

function becomeContainer(spec: LaunchSpec): never {
  umask(0);
  enterCgroup(spec.cgroup);
  // Everything of the machine that is needed later is opened while the machine's root is still the root.
  const init = spec.init === null ? undefined : sealedMemfd("init", Deno.readFileSync(spec.init));

  enterPrivateMountNamespace(CloneFlag.NEWUTS | CloneFlag.NEWIPC);
  if (spec.hostname !== undefined) setHostname(spec.hostname);

  {
    using root = RootDirectory.open(spec.rootFs);
    root.enter();
    // Before anything of the kernel's is in the tree: where the image has a symlink in a file's place, to
    // /proc/sys/kernel/core_pattern say, this process would write to the machine itself.
    const { mounts, tmpfs } = withDefaultTmpfs(spec);
    for (const one of earlyTmpfs({ mounts, tmpfs })) mountTmpfs(root, one);
    for (const { path, contents, ...attributes } of spec.files) {
      root.writeFile(path, encoder.encode(contents), attributes);
    }
    mountKernelFileSystems(root);
    if (spec.cgroup !== null) mountCgroup(root);
    mountDeviceDirectory(root);
    // The container's own: root in there may change its mode and owner, which must not be those of the machine's.
    const nullDevice = root.open("/dev/null");
    // The spent pipe makes way: a container reads the end of its input at once.
    replaceDescriptor(StageDescriptor.SPEC, descriptorPath(nullDevice));
    mountUserMounts(root, { mounts, tmpfs });
    maskKernelFileSystems(root, descriptorPath(nullDevice));
    close(nullDevice);
    close(root.openOrMake(spec.cwd, "directory"));
    if (spec.readOnly) sealRoot();
    enterRoot(root);
  }

  resetSignals();
  closeOnExecFrom(StageDescriptor.STATUS);
  const program = assumeIdentity(spec);
  sayReady();
  if (init === undefined) becomeProgram(program, spec);
  const { finalSignal, hostPid } = spec;
  becomeInit(spec, { init, program, finalSignal, isSubreaper: hostPid });
}

/** Becomes the program without an init in front of it. */
function becomeProgram(program: string, { argv, env, finalSignal }: LaunchSpec): never {
  // When the supervisor ends it is to end as it would otherwise. If it has no handler for the signal the kernel drops it.
  setParentDeathSignal(Signal[finalSignal]);
  exec({ program, argv, env });
}

/** Every container has these of its own; the settings may say how large they are. */
const DEFAULT_TMPFS: readonly TmpfsSettings[] = [
  { path: "/tmp" },
  // As large as docker makes it.
  { path: "/dev/shm", size: 64 * 2 ** 20 },
];

function withDefaultTmpfs({ mounts, tmpfs }: LaunchSpec): UserMounts {
  const taken = new Set([...mounts.map(({ inside }) => inside), ...tmpfs.map(({ path }) => path)]);
  const defaults = DEFAULT_TMPFS.filter(({ path }) => !taken.has(path));
  return { mounts, tmpfs: [...defaults, ...tmpfs] };
}

/** Makes the root file system read-only, the mount as well as the overlay behind it. */
function sealRoot(): void {
  const { BIND, NODEV, NOSUID, RDONLY, REMOUNT } = MountFlag;
  for (const flags of [REMOUNT | RDONLY, BIND | REMOUNT | RDONLY | NOSUID | NODEV]) {
    mount({ source: "none", target: ".", flags, describe: "/" });
  }
}

/**
 * Makes the container's root the first one of its mount namespace, and takes the machine's tree out of sight.
 *
 * pivot_root(2) puts the new root in the place of this process's. If that is that of a chroot the machine's first root stays
 * below, and who has CAP_SYS_CHROOT climbs out to it. So it is the first one that makes way.
 */
function enterRoot(root: RootDirectory): void {
  enterFirstRoot();
  root.enter();
  pivotRootToCurrentDirectory();
  umount(".", UmountFlag.DETACH);
  Deno.chdir("/");
}
