import { getLogger } from "@logtape/logtape";
import type { SyslogSettings } from "../../config/settings.ts";
import { backoffMs } from "../../container/backoff.ts";
import { settlesWithin } from "../../system/within.ts";
import { BoundedQueue } from "../bounded_queue.ts";
import { errorChain } from "../error_chain.ts";
import type { SyslogConnection } from "./connection.ts";
import { severityNumber } from "./priority.ts";
import { formatMessage, type SyslogMessage } from "./rfc5424.ts";
import { describeTarget, MAX_MESSAGE_BYTES } from "./transport.ts";

const logger = getLogger(["frontloader", "syslog"]);

/** What waits for a target at most; beyond it messages are dropped, and counted. */
const MAX_PENDING_BYTES = 1 << 20;
/** So much is handed to the transport in one go. */
const BATCH_BYTES = 1 << 16;
/** The longest wait between two tries, give or take. */
const LONGEST_WAIT_MS = 60_000;
/** A connection that stood so long was a good one: the next try after it comes soon. */
const STABLE_MS = 10_000;
/** So long a target may take for what is left, when it is not wanted any more or Frontloader ends. */
const FLUSH_MS = 5_000;

/** What a target needs of the rest of the system. */
export interface TargetServices {
  /** Opens a way to it. */
  open(settings: SyslogSettings, signal: AbortSignal): Promise<SyslogConnection>;
  /** Makes the message that says how many were dropped. */
  noteDropped(dropped: number): SyslogMessage;
}

/**
 * A receiver of messages. While it cannot be reached what is for it waits, within bounds, and it is tried again and again; that
 * it cannot be reached is said once, and so is that it can again.
 */
export class SyslogTarget {
  readonly settings: SyslogSettings;
  readonly #services: TargetServices;
  readonly #name: string;
  readonly #queue: BoundedQueue<Uint8Array>;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  #isClosing = false;
  #isDown = false;
  #wake = () => {};

  constructor(settings: SyslogSettings, services: TargetServices) {
    this.settings = settings;
    this.#services = services;
    this.#name = describeTarget(settings);
    this.#queue = new BoundedQueue({
      maxBytes: MAX_PENDING_BYTES,
      sizeOf: ({ length }) => length,
      note: (dropped) => this.#format(services.noteDropped(dropped)),
    });
    this.#running = this.#run();
  }

  /** Takes a message, if it is important enough. */
  take(message: SyslogMessage): void {
    if (message.severity > severityNumber(this.settings.level)) return;
    this.#queue.push(this.#format(message));
    this.#wake();
  }

  /** Sends what is left, and ends; a target that does not take it in time loses it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#wake();
    if (!await settlesWithin(FLUSH_MS, this.#running)) this.#abort.abort();
    await this.#running;
    if (!this.#queue.isEmpty) {
      logger.warn("{target} has not taken everything that was for it", { target: this.#name });
    }
  }

  #format(message: SyslogMessage): Uint8Array {
    return formatMessage(message, MAX_MESSAGE_BYTES[this.settings.transport]);
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (true) {
      // What came before that waits for one last try.
      const isLast = this.#isClosing;
      const { reason, servedMs } = await this.#serve();
      if (this.#abort.signal.aborted || isLast || this.#isClosing && this.#queue.isEmpty) return;
      failures = servedMs > STABLE_MS ? 1 : failures + 1;
      this.#sayDown(reason);
      await this.#pause(Math.min(backoffMs(failures, Math.random()), LONGEST_WAIT_MS));
    }
  }

  /** Serves it over one connection. Returns when that is broken, with the reason, or when there is nothing left to do. */
  async #serve(): Promise<{ readonly reason: unknown; readonly servedMs: number }> {
    let connection: SyslogConnection;
    try {
      connection = await this.#services.open(this.settings, this.#abort.signal);
    } catch (error) {
      return { reason: error, servedMs: 0 };
    }
    const startedAt = performance.now();
    const end = () => void connection.close();
    this.#abort.signal.addEventListener("abort", end, { once: true });
    if (this.#abort.signal.aborted) end();
    if (connection.isAnswered) this.#sayUp();
    const reason = await this.#feed(connection);
    this.#abort.signal.removeEventListener("abort", end);
    await connection.close();
    return { reason, servedMs: performance.now() - startedAt };
  }

  async #feed(connection: SyslogConnection): Promise<unknown> {
    let broken: { readonly reason: unknown } | undefined;
    // One reaction for its whole life: each Promise.race with it would leave another behind.
    connection.broken.then((reason) => {
      broken = { reason };
      this.#wake();
    });
    while (broken === undefined && !this.#abort.signal.aborted) {
      if (this.#queue.isEmpty) {
        if (this.#isClosing) return;
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const sent = await connection.send(this.#queue.peek(BATCH_BYTES));
      this.#queue.remove(sent);
      if (sent > 0) this.#sayUp();
      // What broke it is known some microtasks later.
      else await undefined;
    }
    return broken?.reason;
  }

  #sayDown(reason: unknown): void {
    if (this.#isDown) return;
    this.#isDown = true;
    logger.error("Cannot reach {target}: {reason}; what is for it waits, and it is tried again", {
      target: this.#name,
      reason: errorChain(reason).join(": "),
    });
  }

  #sayUp(): void {
    if (!this.#isDown) return;
    this.#isDown = false;
    logger.info("{target} takes messages again", { target: this.#name });
  }

  /** Waits for so long, or until it is not wanted any more. */
  async #pause(ms: number): Promise<void> {
    if (this.#isClosing) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = () => this.#isClosing && resolve();
    await promise;
    clearTimeout(timer);
  }
}
