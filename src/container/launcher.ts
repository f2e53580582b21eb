/** Launches containers: starts a stage process, tells it what to become, and hears whether it did. */
import { getLogger } from "@logtape/logtape";
import { close, type Pipe, pipe } from "../../ffi/descriptors.ts";
import { type ExitStatus, kill, Signal } from "../../ffi/process.ts";
import { spawn, spawnInNewPidNamespace } from "../../ffi/spawn.ts";
import { errorChain } from "../log/error_chain.ts";
import { LineSplitter } from "../streams/line_splitter.ts";
import { selfCommand } from "../system/self.ts";
import { describeExit, waitForChild } from "./children.ts";
import { passesSignals } from "./init_readiness.ts";
import { type JobSpec, type LaunchSpec, STAGE_READY } from "./launch_spec.ts";
import { readPipe, readPipeText, writePipe } from "./pipes.ts";

const logger = getLogger(["frontloader", "launcher"]);

/** The hidden command line word that makes `main.ts` a stage. */
export const STAGE_COMMAND = "__stage";

/** Where a line of output came from. */
export type OutputStream = "stdout" | "stderr";

/** A container that runs. */
export interface RunningContainer {
  /** Its PID 1, as the machine sees it. */
  readonly pid: number;
  /** How it ended; resolves when its output has been read, too. */
  readonly ended: Promise<ExitStatus>;
  /** Sends a signal to its PID 1; does nothing once it has ended, when the pid may be another process's. */
  signal(signal: number): void;
  /** Does something with its pid, unless it has ended. */
  whileItLives(action: (pid: number) => void): void;
}

/**
 * A mount of the machine, slow storage say, must not make a start hang for ever: after so long the stage is killed. The start of
 * its runtime is part of that, which takes long itself where many start on a small machine.
 */
const LAUNCH_TIMEOUT_MS = 300_000;

/**
 * Output is read that is written so long after the end, and no later one: a process elsewhere that was handed the pipe,
 * through a socket say, must not make a container that has ended look as if it ran.
 */
const LATE_OUTPUT_MS = 2_000;

/** Longer lines of output are logged in pieces of so many characters. */
const MAX_LINE = 16_384;

/**
 * A stage process that waits for its {@linkcode LaunchSpec}. Started ahead of time, while the image is still being pulled,
 * it takes the start of the runtime out of the launch.
 */
export class Stage {
  readonly #pid: number;
  readonly #spec: number;
  readonly #status: Promise<string>;
  readonly #ended: Promise<ExitStatus>;
  readonly #lateOutput = new AbortController();
  #state: "waiting" | "used" = "waiting";
  /** What a stage says before it is used: why it broke. */
  readonly #earlyLines: [string, OutputStream][] = [];
  #onLine = (line: string, stream: OutputStream): void => {
    this.#earlyLines.push([line, stream]);
  };
  #hasEnded = false;

  /**
   * Starts a stage process.
   *
   * @param options `hostPid`: true for one of the machine's processes, false for PID 1 of a new pid namespace; `command`: the
   * word that says what kind of stage it is; `descriptors`: what it finds open besides
   * @throws {SyscallError} if it cannot be started
   */
  constructor(
    { hostPid = false, command = STAGE_COMMAND, descriptors = [] }: {
      readonly hostPid?: boolean;
      readonly command?: string;
      readonly descriptors?: readonly number[];
    } = {},
  ) {
    const pipes: Pipe[] = [];
    try {
      for (let i = 0; i < 4; i++) pipes.push(pipe());
      const [spec, stdout, stderr, status] = pipes as [Pipe, Pipe, Pipe, Pipe];
      const start = hostPid ? spawn : spawnInNewPidNamespace;
      this.#pid = start({
        ...selfCommand([command]),
        descriptors: [
          spec.readEnd,
          stdout.writeEnd,
          stderr.writeEnd,
          status.writeEnd,
          ...descriptors,
        ],
      });
      for (const end of [spec.readEnd, stdout.writeEnd, stderr.writeEnd, status.writeEnd]) {
        close(end);
      }
      this.#spec = spec.writeEnd;
      this.#status = readPipeText(status.readEnd);
      this.#ended = this.#awaitEnd([
        readLines(stdout.readEnd, (line) => this.#onLine(line, "stdout"), this.#lateOutput.signal),
        readLines(stderr.readEnd, (line) => this.#onLine(line, "stderr"), this.#lateOutput.signal),
      ]);
    } catch (error) {
      for (const { readEnd, writeEnd } of pipes) {
        close(readEnd);
        close(writeEnd);
      }
      throw error;
    }
  }

  /** True while it runs and has not been used. */
  get isWaiting(): boolean {
    return this.#state === "waiting" && !this.#hasEnded;
  }

  /**
   * Turns the stage into a container, or a job.
   *
   * @param onLine called with each line that the container, or the stage itself, puts out
   * @returns once the container's program runs
   * @throws {Error} if it does not come to that; the stage is gone then
   */
  async launch(
    spec: LaunchSpec | JobSpec,
    onLine: (line: string, stream: OutputStream) => void,
  ): Promise<RunningContainer> {
    this.#use();
    this.#onLine = onLine;
    for (const [line, stream] of this.#earlyLines.splice(0)) onLine(line, stream);
    const timeout = setTimeout(() => this.#signal(Signal.KILL), LAUNCH_TIMEOUT_MS);
    try {
      // The stage may end without reading: that shows in its status.
      const [status] = await Promise.all([
        this.#status,
        writePipe(this.#spec, JSON.stringify(spec)),
      ]);
      if (status === STAGE_READY) {
        // Without an init nobody passes signals on.
        if (spec.init !== null) await this.#untilSignalsPass();
        return {
          pid: this.#pid,
          ended: this.#ended,
          signal: (signal) => this.#signal(signal),
          whileItLives: (action) => this.#whileItLives(action),
        };
      }
      const ended = await this.#ended;
      const reason = status.startsWith(STAGE_READY) ? status.slice(STAGE_READY.length) : status;
      throw new Error(reason || `The stage process ended: ${describeExit(ended)}`);
    } finally {
      clearTimeout(timeout);
    }
  }

  /** Ends a stage that is not needed after all. Does nothing once it was launched. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "used") return;
    this.#use();
    // It reads the end of the pipe, and exits.
    close(this.#spec);
    await this.#ended;
  }

  async #awaitEnd(output: readonly Promise<void>[]): Promise<ExitStatus> {
    const status = await waitForChild(this.#pid);
    this.#hasEnded = true;
    const timer = setTimeout(() => this.#lateOutput.abort(), LATE_OUTPUT_MS);
    await Promise.all(output);
    clearTimeout(timer);
    return status;
  }

  async #untilSignalsPass(): Promise<void> {
    try {
      while (!this.#hasEnded && !passesSignals(this.#pid)) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch (error) {
      // The container runs: that this cannot be found out must not make a start that failed of it, which nobody looks after.
      logger.warn("Cannot tell whether instance {pid} can be told to end yet: {reason}", {
        pid: this.#pid,
        reason: errorChain(error).join(": "),
      });
    }
  }

  #signal(signal: number): void {
    this.#whileItLives((pid) => kill(pid, signal));
  }

  /** Until it is reaped its pid cannot be another process's. */
  #whileItLives(action: (pid: number) => void): void {
    if (!this.#hasEnded) action(this.#pid);
  }

  #use(): void {
    if (this.#state === "used") {
      throw new Error("Cannot launch a container: its stage process was used before");
    }
    this.#state = "used";
  }
}

async function readLines(
  fd: number,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const lines = new LineSplitter(onLine, MAX_LINE);
  await readPipe(fd, (chunk) => lines.write(chunk), signal);
  lines.end();
}
