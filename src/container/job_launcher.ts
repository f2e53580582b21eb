/** Starts jobs in containers that run. */
import { close } from "../../ffi/descriptors.ts";
import { openNamespaces } from "../../ffi/namespaces.ts";
import { type ExitStatus, Signal } from "../../ffi/process.ts";
import { killFamily } from "./kill_family.ts";
import { type OutputStream, type RunningContainer, Stage } from "./launcher.ts";
import type { JobSpec, LaunchSpec } from "./launch_spec.ts";

/** The hidden command line word that makes `main.ts` a job's stage. */
export const JOB_COMMAND = "__job";

/** A job that runs. */
export interface RunningJob {
  /** Its init's pid, as the machine sees it. */
  readonly pid: number;
  /** How it ended; resolves when its output has been read, too. */
  readonly ended: Promise<ExitStatus>;
  /** Asks it to end, with TERM. */
  terminate(): void;
  /** Ends it, and everything below it, at once. */
  kill(): void;
}

/**
 * Starts a job in a container that runs: in its namespaces, and as who its program is.
 *
 * @param container where
 * @param spec what job
 * @param onLine called with each line of its output
 * @returns once its program runs
 * @throws {Error} if it does not come to that, or the container has ended
 */
export async function launchJob(
  container: RunningContainer,
  spec: JobSpec,
  onLine: (line: string, stream: OutputStream) => void,
): Promise<RunningJob> {
  let stage: Stage | undefined;
  // By descriptor: by the time that the stage looks the pid may be another process's.
  container.whileItLives((pid) => {
    const namespaces = openNamespaces(pid);
    try {
      stage = new Stage({ hostPid: true, command: JOB_COMMAND, descriptors: namespaces });
    } finally {
      namespaces.forEach(close);
    }
  });
  if (stage === undefined) throw new Error("Cannot start the job: its container has ended");
  const job = await stage.launch(spec, onLine);
  return {
    pid: job.pid,
    ended: job.ended,
    terminate: () => job.signal(Signal.TERM),
    kill: () => job.whileItLives(killFamily),
  };
}

/**
 * Works out what a job is to be: who its container's program is, and another command.
 *
 * @param init path of the static init
 */
export function jobSpecOf(spec: LaunchSpec, command: readonly string[], init: string): JobSpec {
  const { env, cwd, uid, gid, groups, capabilities, seccomp, openFiles, cgroup } = spec;
  return {
    argv: command,
    env,
    cwd,
    uid,
    gid,
    groups,
    capabilities,
    seccomp,
    ...openFiles !== undefined && { openFiles },
    cgroup,
    init,
  };
}
