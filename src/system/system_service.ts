import { getLogger, type Logger } from "@logtape/logtape";
import { backoffMs } from "../container/backoff.ts";
import { errorChain } from "../log/error_chain.ts";
import { describeStatus, type RunningProgram, startProgram } from "./programs.ts";

/** What a {@linkcode SystemService} runs. */
export interface SystemServiceOptions {
  /** What the log calls it. */
  readonly name: string;
  /** Its program and arguments, asked for before each start. */
  readonly command: () => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** One that ran so long starts with a clean record when it ends. */
const HEALTHY_MS = 60_000;

/** Keeps a program of the system running: when it ends it is started again, after 1 s, 2 s, … up to 5 min. */
export class SystemService {
  readonly #options: SystemServiceOptions;
  readonly #logger: Logger;
  readonly #start: typeof startProgram;
  #wanted = false;
  #failures = 0;
  #running: RunningProgram | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param start starts a program; a test gives another
   */
  constructor(options: SystemServiceOptions, start: typeof startProgram = startProgram) {
    this.#options = options;
    this.#logger = getLogger(["frontloader", options.name]);
    this.#start = start;
  }

  /** Starts it, unless it was started before. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#run();
  }

  /** Ends it with TERM. */
  stop(): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#running?.signal("SIGTERM");
  }

  #run(): void {
    clearTimeout(this.#timer);
    if (!this.#wanted || this.#running !== undefined) return;
    const startedAt = performance.now();
    try {
      this.#running = this.#start(this.#options.command(), {
        env: this.#options.env,
        onLine: (line) => this.#logger.info("{line}", { line }),
      });
    } catch (error) {
      this.#again(errorChain(error).join(": "));
      return;
    }
    const ended = (how: string) => {
      this.#running = undefined;
      if (performance.now() - startedAt >= HEALTHY_MS) this.#failures = 0;
      this.#again(how);
    };
    this.#running.ended.then(
      (status) => ended(describeStatus(status)),
      (error) => ended(errorChain(error).join(": ")),
    );
  }

  #again(how: string): void {
    if (!this.#wanted) return;
    const delayMs = backoffMs(++this.#failures, Math.random());
    this.#logger.warn("Ended: {how}; it is started again in {seconds} s", {
      how,
      seconds: Math.round(delayMs / 100) / 10,
    });
    this.#timer = setTimeout(() => this.#run(), delayMs);
  }
}
