/**
 * The stage: a short-lived process of Frontloader's own, PID 1 of a new pid namespace, that turns itself into a container.
 *
 * It uses synchronous calls only: they act on the main thread, whose namespaces and credentials are being changed, and
 * asynchronous ones run on threads that are left behind. It ends in execve, which replaces the whole process.
 */
import { joinNewSessionKeyring, setParentDeathSignal } from "../../../ffi/credentials.ts";
import {
  changeOwner,
  close,
  readToEnd,
  replaceDescriptor,
  sealedMemfd,
  writeFully,
} from "../../../ffi/descriptors.ts";
import { writeKernelFile } from "../../../ffi/kernel_files.ts";
import { openDeclaredSymbols } from "../../../ffi/libc.ts";
import { mount, MountFlag, umount, UmountFlag } from "../../../ffi/mount.ts";
import {
  CloneFlag,
  pivotRootToCurrentDirectory,
  setHostname,
  unshare,
} from "../../../ffi/namespaces.ts";
import { closeOnExecFrom, exec, resetSignals, Signal, umask } from "../../../ffi/process.ts";
import { descriptorPath, RootDirectory } from "../../../ffi/root_directory.ts";
import { errorChain } from "../../log/error_chain.ts";
import { type LaunchSpec, STAGE_READY, StageDescriptor } from "../launch_spec.ts";
import { findCommand } from "./command_lookup.ts";
import { assumeCredentials } from "./credentials.ts";
import { mountTmpfs } from "./temporary_file_systems.ts";
import { earlyTmpfs, mountUserMounts, type UserMounts } from "./user_mounts.ts";
import type { TmpfsSettings } from "../../config/settings.ts";
import { mountDeviceDirectory } from "./device_directory.ts";
import {
  maskKernelFileSystems,
  mountCgroup,
  mountKernelFileSystems,
} from "./kernel_file_systems.ts";
import { limitOpenFiles } from "./open_files.ts";
import { filterSystemCalls } from "./system_calls.ts";

const encoder = new TextEncoder();

/**
 * Runs the stage: reads a {@linkcode LaunchSpec} from descriptor 0 and becomes that container.
 *
 * @returns only on failure, after the reason was written to the status pipe: the exit status
 */
export function runStage(): number {
  try {
    openDeclaredSymbols();
    // Until the container's init runs, nothing is lost when this ends at once.
    setParentDeathSignal(Signal.KILL);
    const text = new TextDecoder().decode(readToEnd(StageDescriptor.SPEC));
    // The supervisor closes the pipe unwritten when the launch was called off.
    if (text === "") return 0;
    becomeContainer(JSON.parse(text));
  } catch (error) {
    try {
      writeFully(StageDescriptor.STATUS, encoder.encode(errorChain(error).join("\n")));
    } catch {
      // Nobody is left to tell: the supervisor is gone, and with it the reason for this process.
    }
    return 1;
  }
}

function becomeContainer(spec: LaunchSpec): never {
  umask(0);
  if (spec.cgroup !== null) enterCgroup(spec.cgroup);
  // Everything of the machine that is needed later is opened while the machine's root is still the root.
  const init = spec.init === null ? undefined : sealedMemfd("init", Deno.readFileSync(spec.init));

  unshare(CloneFlag.NEWNS | CloneFlag.NEWUTS | CloneFlag.NEWIPC);
  // Nothing that is mounted from here on may show up on the machine.
  mount({ source: "none", target: "/", flags: MountFlag.REC | MountFlag.PRIVATE });
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
  }
  enterRoot();

  // fd 0 is /dev/null by now; 1 and 2 are pipes that the container may open again as /dev/stdout.
  changeOwner(StageDescriptor.STDOUT, spec.uid, spec.gid);
  changeOwner(StageDescriptor.STDERR, spec.uid, spec.gid);
  umask(0o022);
  resetSignals();
  closeOnExecFrom(StageDescriptor.STATUS);
  joinNewSessionKeyring();
  limitOpenFiles(spec.openFiles);
  assumeCredentials(spec);
  changeToWorkingDirectory(spec.cwd);
  const program = findCommand(spec.argv[0] ?? "", spec.env["PATH"] ?? "");
  filterSystemCalls(spec);

  // This also finds out whether the supervisor still lives: the parent-death signal is only sent for a death that comes
  // after it was asked for, and in this pid namespace the parent's pid is always 0. Nobody reads the pipe: EPIPE.
  writeFully(StageDescriptor.STATUS, encoder.encode(STAGE_READY), "the supervisor");
  if (init === undefined) becomeProgram(program, spec);
  exec({
    program: init,
    // -g: TERM goes to the whole process group, so that a shell as the command does not swallow it
    // -p: the init asks for the final signal when the supervisor ends only once it blocks it. Before, the kernel would drop
    // it, as PID 1 has no handler (pid_namespaces(7)), and the container live on: until then it is KILL.
    // -s: among the machine's processes it is not PID 1, and gets no orphans unless it asks for them
    argv: [
      ...["init", "-g", "-p", `SIG${spec.finalSignal}`],
      ...spec.hostPid ? ["-s"] : [],
      ...["--", program, ...spec.argv.slice(1)],
    ],
    env: spec.env,
  });
}

/**
 * Moves this process into the container's cgroup, which it sees as the root of all from then on.
 *
 * Not before there is something to do: what the start of the runtime takes, in memory, threads and time, is none of the
 * container's business, and would not fit small limits. Memory stays where it was counted (cgroup-v2.rst, Memory Ownership).
 */
function enterCgroup(path: string): void {
  writeKernelFile(`${path}/cgroup.procs`, "0");
  unshare(CloneFlag.NEWCGROUP);
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

/** Makes the current directory the root and takes the machine's tree out of sight. */
function enterRoot(): void {
  pivotRootToCurrentDirectory();
  umount(".", UmountFlag.DETACH);
  Deno.chdir("/");
}

/**
 * Changes to the working directory as the container's user, and makes sure that it lies inside: a leaked descriptor of the
 * machine must not become the way out (CVE-2024-21626).
 */
function changeToWorkingDirectory(cwd: string): void {
  try {
    Deno.chdir(cwd);
  } catch (error) {
    throw new Error(`Cannot change to the working directory "${cwd}"`, { cause: error });
  }
  const real = Deno.cwd();
  if (!real.startsWith("/")) {
    throw new Error(`Cannot use the working directory "${cwd}": it is outside of the root`);
  }
}
