/** Programs of the system that Frontloader calls: `modprobe`, `udhcpc` and the like. */
import { LineSplitter } from "../streams/line_splitter.ts";
import { withOwnProcess } from "./own_processes.ts";
import { settlesWithin } from "./within.ts";

/** Where the system's programs are. */
export const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Longer lines of output are cut into pieces of so many characters. */
const MAX_LINE = 4096;
/** Output is waited for so long after a program's end. */
const LATE_OUTPUT_MS = 500;

/** How {@linkcode startProgram} starts one. */
export interface ProgramOptions {
  /** Variables on top of PATH: nothing of this process's own goes on, since a configuration URL may hold a password. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line of output. */
  readonly onLine: (line: string) => void;
}

/** A program that runs. */
export interface RunningProgram {
  readonly pid: number;
  /** How it ended; resolves when its output has been read, too. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** Sends it a signal, unless it has ended. */
  signal(signal: Deno.Signal): void;
}

/**
 * Starts a program.
 *
 * @param argv its name and arguments
 * @throws {Error} if it cannot be started
 */
export function startProgram(
  [program, ...args]: readonly string[],
  { env, onLine }: ProgramOptions,
): RunningProgram {
  let child: Deno.ChildProcess;
  try {
    child = withOwnProcess(
      new Deno.Command(program!, {
        args,
        env: { PATH: SYSTEM_PATH, ...env },
        clearEnv: true,
        cwd: "/",
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
  } catch (error) {
    throw new Error(`Cannot start ${program}`, { cause: error });
  }
  const output = Promise.allSettled(
    [child.stdout, child.stderr].map((stream) => readLines(stream, onLine)),
  );
  let hasEnded = false;
  const ended = child.status.finally(() => hasEnded = true).then(async (status) => {
    // What it has left running may hold its output open: nobody waits for that.
    await settlesWithin(LATE_OUTPUT_MS, output);
    return status;
  });
  return {
    pid: child.pid,
    ended,
    signal(signal) {
      if (!hasEnded) child.kill(signal);
    },
  };
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const lines = new LineSplitter(onLine, MAX_LINE);
  for await (const chunk of stream) lines.write(chunk);
  lines.end();
}

/** How {@linkcode runProgram} runs one. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** After so many milliseconds it is killed. */
  readonly timeoutMs: number;
  /** True if that it fails is no error. */
  readonly mayFail?: boolean;
}

/**
 * Runs a program to its end.
 *
 * @returns how it ended
 * @throws {Error} with what it has said, if it fails or takes too long
 */
export async function runProgram(
  argv: readonly string[],
  { env, timeoutMs, mayFail = false }: RunOptions,
): Promise<Deno.CommandStatus> {
  const lines: string[] = [];
  const program = startProgram(argv, { env, onLine: (line) => lines.push(line) });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    program.signal("SIGKILL");
  }, timeoutMs);
  const status = await program.ended;
  clearTimeout(timer);
  if (status.success || mayFail && !isLate) return status;
  const how = isLate ? `it took more than ${timeoutMs / 1000} s` : describeStatus(status);
  throw new Error(`${argv[0]} failed: ${[how, ...lines.slice(-5)].join(": ")}`);
}

/** How a program ended, for a person. */
export function describeStatus({ code, signal }: Deno.CommandStatus): string {
  return signal === null ? `exit status ${code}` : signal;
}
