/** What the supervisor tells the stage process: everything that it needs to become the container, and nothing else. */
import type { FinalSignal } from "./final_signal.ts";
import type { FileSettings, MountSettings, TmpfsSettings } from "../config/settings.ts";

/** Who a process of a container is, its program and its jobs alike. */
export interface ProcessSpec {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory, inside; at a launch it is made if it is missing. */
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Names of the capabilities to have, `CAP_NET_BIND_SERVICE`; all others are out of reach for good. */
  readonly capabilities: readonly string[];
  /** The program that decides on its system calls, for seccomp(2), in base64; null to let all of them through. */
  readonly seccomp: string | null;
  /** How many files it may have open; undefined for the default. */
  readonly openFiles?: number;
  /** The cgroup that it is to be in, a directory on the machine, and to see as the root of all; null to stay where it is. */
  readonly cgroup: string | null;
}

/** One launch. It travels as JSON through a pipe, so that no secret of the environment is in any argument list. */
export interface LaunchSpec extends ProcessSpec {
  /** Where the root file system is mounted in the supervisor's mount namespace. */
  readonly rootFs: string;
  /** True to seal the root file system before the container's program starts. */
  readonly readOnly: boolean;
  /** Static program that is the container's PID 1 (tini): a path on the machine. Null: its own program is. */
  readonly init: string | null;
  /** The signal that asks it to end, also when Frontloader is killed. */
  readonly finalSignal: FinalSignal;
  /** True if it was started in the machine's pid namespace, and is to see its processes. */
  readonly hostPid: boolean;
  /** Host name of the container's UTS namespace; undefined for the machine's. */
  readonly hostname?: string;
  /** Bind mounts; their sources are looked up by the stage. */
  readonly mounts: readonly MountSettings[];
  readonly tmpfs: readonly TmpfsSettings[];
  /** Files to write into the root file system: what of the machine's `/etc` a container needs, and the settings'. */
  readonly files: readonly FileSettings[];
}

/** One run of a job in a container that runs. */
export interface JobSpec extends ProcessSpec {
  /** Static program that starts the job and passes signals on (tini): a path on the machine. */
  readonly init: string;
}

/**
 * What the stage writes to its status pipe right before exec. If the pipe ends after this the container runs; if anything
 * follows it is the error of exec, as before it the error of an earlier phase. If the pipe ends with nothing the stage died.
 */
export const STAGE_READY = "ready\n";

/** Descriptors that the stage finds open. */
export const StageDescriptor = { SPEC: 0, STDOUT: 1, STDERR: 2, STATUS: 3 } as const;

/** Descriptors that a job's stage finds open besides: the container's namespaces, in the order of `NAMESPACES`. */
export const JobDescriptor = { FIRST_NAMESPACE: 4 } as const;
