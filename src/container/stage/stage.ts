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
import { openDeclaredSymbols } from "../../../ffi/libc.ts";
import { mount, MountFlag, umount, UmountFlag } from "../../../ffi/mount.ts";
import {
  CloneFlag,
  pivotRootToCurrentDirectory,
  setHostname,
  unshare,
} from "../../../ffi/namespaces.ts";
import { closeOnExecFrom, exec, resetSignals, Signal, umask } from "../../../ffi/process.ts";
import { descriptorPath, openPath, RootDirectory } from "../../../ffi/root_directory.ts";
import { errorChain } from "../../log/error_chain.ts";
import { type LaunchSpec, STAGE_READY, StageDescriptor } from "../launch_spec.ts";
import { findCommand } from "./command_lookup.ts";
import { assumeCredentials } from "./credentials.ts";
import { mountDeviceDirectory } from "./device_directory.ts";
import { maskKernelFileSystems, mountKernelFileSystems } from "./kernel_file_systems.ts";
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
  // Everything of the machine that is needed later is opened while the machine's root is still the root.
  const init = sealedMemfd("init", Deno.readFileSync(spec.init));

  unshare(CloneFlag.NEWNS | CloneFlag.NEWUTS | CloneFlag.NEWIPC);
  // Nothing that is mounted from here on may show up on the machine.
  mount({ source: "none", target: "/", flags: MountFlag.REC | MountFlag.PRIVATE });
  if (spec.hostname !== undefined) setHostname(spec.hostname);

  {
    using root = RootDirectory.open(spec.rootFs);
    root.enter();
    // Before anything of the kernel's is in the tree: where the image has a symlink in a file's place, to
    // /proc/sys/kernel/core_pattern say, this process would write to the machine itself.
    mountTemporaryDirectory(root);
    writeFiles(root, spec.files);
    mountKernelFileSystems(root);
    mountDeviceDirectory(root);
    // The container's own: root in there may change its mode and owner, which must not be those of the machine's.
    const nullDevice = root.open("/dev/null");
    // The spent pipe makes way: a container reads the end of its input at once.
    replaceDescriptor(StageDescriptor.SPEC, descriptorPath(nullDevice));
    bindMounts(root, spec);
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
  assumeCredentials(spec);
  changeToWorkingDirectory(spec.cwd);
  const program = findCommand(spec.argv[0] ?? "", spec.env["PATH"] ?? "");
  filterSystemCalls(spec);

  // This also finds out whether the supervisor still lives: the parent-death signal is only sent for a death that comes
  // after it was asked for, and in this pid namespace the parent's pid is always 0. Nobody reads the pipe: EPIPE.
  writeFully(StageDescriptor.STATUS, encoder.encode(STAGE_READY), "the supervisor");
  exec({
    program: init,
    // -g: TERM goes to the whole process group, so that a shell as the command does not swallow it
    // -p: the init asks for TERM when the supervisor ends only once it blocks it. Before, the kernel would drop a TERM, as
    // PID 1 has no handler for it (pid_namespaces(7)), and the container live on: until then it is KILL.
    argv: ["init", "-g", "-p", "SIGTERM", "--", program, ...spec.argv.slice(1)],
    env: spec.env,
  });
}

/** Gives the container a `/tmp` of its own, in memory. */
function mountTemporaryDirectory(root: RootDirectory): void {
  const target = root.openOrMake("/tmp", "directory");
  mount({
    source: "tmpfs",
    target: descriptorPath(target),
    fstype: "tmpfs",
    flags: MountFlag.NOSUID | MountFlag.NODEV,
    data: "mode=1777",
    describe: "/tmp",
  });
  close(target);
}

function writeFiles(root: RootDirectory, files: LaunchSpec["files"]): void {
  for (const [path, contents] of Object.entries(files)) {
    root.writeFile(path, encoder.encode(contents));
  }
}

/** Mounts parents before what lies below them, whatever the order in the configuration. */
function bindMounts(root: RootDirectory, { mounts }: LaunchSpec): void {
  const depth = (path: string) => path.split("/").length;
  for (
    const { inside, outside, kind } of mounts.toSorted((a, b) => depth(a.inside) - depth(b.inside))
  ) {
    try {
      const source = openPath(outside);
      const target = root.openOrMake(inside, kind);
      mount({
        source: descriptorPath(source),
        target: descriptorPath(target),
        flags: MountFlag.BIND | MountFlag.REC,
        describe: inside,
      });
      close(source);
      close(target);
    } catch (error) {
      throw new Error(`Cannot mount "${outside}" of the machine on "${inside}" of the container`, {
        cause: error,
      });
    }
  }
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
