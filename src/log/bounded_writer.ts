import { concatBytes } from "../streams/concat_bytes.ts";
import { settlesWithin } from "../system/within.ts";
import { BoundedQueue } from "./bounded_queue.ts";

/** What waits for a slow reader at most; beyond it lines are dropped, and counted. */
const MAX_PENDING_BYTES = 1 << 20;
/** So long the end of the program waits for a reader that has stopped. */
const FLUSH_TIMEOUT_MS = 5_000;

/**
 * Writes lines in the background. A console or a log collector that stops reading must never stop the supervisor: what
 * does not fit is dropped, and a line says how many were.
 */
export class BoundedWriter {
  readonly #target: { write(bytes: Uint8Array): Promise<number> };
  readonly #pending = new BoundedQueue<Uint8Array>({
    maxBytes: MAX_PENDING_BYTES,
    sizeOf: ({ length }) => length,
    note: (dropped) =>
      new TextEncoder().encode(
        `${
          new Date().toISOString()
        } warning log: ${dropped} lines dropped: nobody read them in time\n`,
      ),
  });
  #writing: Promise<void> | undefined;

  /** @param target what takes the bytes, `Deno.stdout` say */
  constructor(target: { write(bytes: Uint8Array): Promise<number> }) {
    this.#target = target;
  }

  /** Takes one line, with its line end. */
  write(line: Uint8Array): void {
    this.#pending.push(line);
    this.#writing ??= this.#drain();
  }

  /** Resolves once everything that was taken is written, the target is broken, or it has taken nothing for too long. */
  async flush(): Promise<void> {
    if (this.#writing !== undefined) await settlesWithin(FLUSH_TIMEOUT_MS, this.#writing);
  }

  async #drain(): Promise<void> {
    // What is written in one go goes out in one go.
    await undefined;
    try {
      while (!this.#pending.isEmpty) {
        for (let rest = this.#takeBatch(); rest.length > 0;) {
          rest = rest.subarray(await this.#target.write(rest));
        }
      }
    } catch {
      // The log's reader is gone for good, and there is no other place to say so.
      this.#pending.clear();
    }
    // Before anything else can run: a line that came between the end of the loop and this would be left lying.
    this.#writing = undefined;
  }

  #takeBatch(): Uint8Array {
    const lines = this.#pending.peek();
    this.#pending.remove(lines.length);
    return concatBytes(lines);
  }
}
