/** Frontloader as a process of its own, as a person would start it. */
import { ControlClient } from "../../src/control/client.ts";
import { LineSplitter } from "../../src/streams/line_splitter.ts";
import type { SupervisorStatus } from "../../src/supervisor/supervisor.ts";
import { controlSocketOf } from "../../src/system/run_directory.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

/** What {@linkcode startFrontloader} starts. */
export interface FrontloaderOptions {
  /** Arguments of `frontloader run`. */
  readonly args: readonly string[];
  /** Its run directory. */
  readonly runDirectory: string;
  /** Called with each line of its log. */
  readonly onLine?: (line: string) => void;
  /** Further environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that executes it, such as `["unshare", "--uts"]`. */
  readonly prefix?: readonly string[];
  /** Path of what is executed, if that is something else than Frontloader's own main module. */
  readonly main?: string;
}

/** A running Frontloader. */
export interface RunningFrontloader extends AsyncDisposable {
  readonly pid: number;
  /** Its log so far. */
  readonly lines: readonly string[];
  readonly status: Promise<Deno.CommandStatus>;
  /** Runs another face of it (`status`, `update`, …) and returns its output. */
  ask(...args: string[]): Promise<string>;
  /** What `frontloader status --json` gives, without the process that this would take. */
  askStatus(): Promise<SupervisorStatus>;
  /**
   * Waits for a line of the log.
   *
   * @param from index of the first line to look at
   * @returns the line
   */
  waitForLine(pattern: RegExp, from?: number): Promise<string>;
  /** Sends TERM and waits for its end. */
  stop(): Promise<Deno.CommandStatus>;
}

/** How long anything may take before a test gives up: generous, since machines are slow at times. */
export const PATIENCE_MS = 60_000;

/** Starts Frontloader. */
export function startFrontloader(
  { args, runDirectory, onLine, env = {}, prefix = [], main = MAIN }: FrontloaderOptions,
): RunningFrontloader {
  const environment = {
    FL_RUN_DIR: runDirectory,
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    ...env,
  };
  const [program, ...before] = [...prefix, Deno.execPath()];
  const child = new Deno.Command(program!, {
    args: [...before, "run", "--quiet", "-A", main, "run", ...args],
    env: environment,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  const take = (line: string) => {
    lines.push(line);
    onLine?.(line);
    for (const listener of listeners) listener();
  };
  const output = Promise.all([readLines(child.stdout, take), readLines(child.stderr, take)]);
  const status = child.status.then(async (status) => {
    await output;
    for (const listener of listeners) listener();
    return status;
  });
  let ended = false;
  status.then(() => ended = true);

  const running: RunningFrontloader = {
    pid: child.pid,
    lines,
    status,
    async ask(...args) {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "-A", MAIN, ...args],
        env: environment,
      }).output();
      const text = new TextDecoder().decode(success ? stdout : stderr).trimEnd();
      if (!success) throw new Error(`frontloader ${args.join(" ")}: ${text}`);
      return text;
    },
    async askStatus() {
      using control = new ControlClient(controlSocketOf(runDirectory));
      return await control.status();
    },
    waitForLine(pattern, from = 0) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const fail = (why: string) =>
        reject(new Error(`No line ${pattern}: ${why}; the log:\n${lines.join("\n")}`));
      const timer = setTimeout(() => fail(`not within ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
      const look = () => {
        const found = lines.slice(from).find((line) => pattern.test(line));
        if (found !== undefined) resolve(found);
        else if (ended) fail("it has ended");
      };
      listeners.add(look);
      status.then(look);
      look();
      return promise.finally(() => {
        clearTimeout(timer);
        listeners.delete(look);
      });
    },
    stop() {
      if (!ended) child.kill("SIGTERM");
      return status;
    },
    async [Symbol.asyncDispose]() {
      if (!ended) await running.stop();
    },
  };
  return running;
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const lines = new LineSplitter(onLine, 1 << 20);
  for await (const chunk of stream) lines.write(chunk);
  lines.end();
}

/**
 * Asks again and again until the answer is what is waited for.
 *
 * @param ask what to ask; an error counts as no answer yet
 * @param patienceMs how long, in milliseconds
 * @returns the first answer that is not undefined
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  // Not by the clock, which somebody may set; and what took long to happen is looked at once more.
  const deadline = performance.now() + patienceMs;
  let last: unknown;
  for (let isLate = false; !isLate;) {
    isLate = performance.now() >= deadline;
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: not within ${patienceMs / 1000} s`, { cause: last });
}
