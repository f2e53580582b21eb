import { writeFully } from "../../../ffi/descriptors.ts";
import { exec } from "../../../ffi/process.ts";
import type { FinalSignal } from "../final_signal.ts";
import { type ProcessSpec, STAGE_READY, StageDescriptor } from "../launch_spec.ts";

/** How {@linkcode becomeInit} starts the init. */
export interface InitOptions {
  /** Descriptor of the sealed copy of tini. */
  readonly init: number;
  /** The program that it starts, as it was looked up. */
  readonly program: string;
  /** The signal that it passes on when the supervisor ends. */
  readonly finalSignal: FinalSignal;
  /** True if it is not PID 1 of the processes that it starts. */
  readonly isSubreaper: boolean;
}

/**
 * Says that all is ready. This also finds out whether the supervisor still lives: the parent-death signal is only sent for a
 * death that comes after it was asked for, and in a pid namespace of its own the parent's pid is always 0. Nobody reads the
 * pipe: EPIPE.
 *
 * @throws {SyscallError} EPIPE
 */
export function sayReady(): void {
  writeFully(StageDescriptor.STATUS, new TextEncoder().encode(STAGE_READY), "the supervisor");
}

/**
 * Becomes the container's init, which executes the program.
 *
 * @throws {SyscallError}
 */
export function becomeInit({ argv, env }: ProcessSpec, options: InitOptions): never {
  const { init, program, finalSignal, isSubreaper } = options;
  exec({
    program: init,
    // -g: TERM goes to the whole process group, so that a shell as the command does not swallow it
    // -p: the init asks for the final signal when the supervisor ends only once it blocks it. Before, the kernel would drop
    // it, as PID 1 has no handler (pid_namespaces(7)), and the container live on: until then it is KILL.
    // -s: where it is not PID 1 it gets no orphans unless it asks for them, and complains
    argv: [
      ...["init", "-g", "-p", `SIG${finalSignal}`],
      ...isSubreaper ? ["-s"] : [],
      ...["--", program, ...argv.slice(1)],
    ],
    env,
  });
}
