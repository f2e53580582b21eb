import type { LinkedAbort } from "./linked_abort.ts";
import { type MinimumRate, RateWatchdog } from "./rate_watchdog.ts";
import { type RegistryAction, RegistryError } from "./registry_error.ts";
import { networkError } from "./network_error.ts";

/** Large chunks, as each one costs the consumer a message to the decoding thread. */
const CHUNK = 256 * 1024;
/** As much of a body that nobody wants is read so that its connection can be used again. */
const DISCARD = 16 * 1024;

/**
 * The body of one answer. Reads with a minimum rate, turns what goes wrong into a {@linkcode RegistryError}, and lets go
 * of everything at its end. It must be read to its end, discarded or cancelled.
 */
export class BodyReader {
  readonly #what: RegistryAction;
  readonly #abort: LinkedAbort;
  readonly #watchdog: RateWatchdog;
  #reader: ReadableStreamBYOBReader | undefined;

  constructor(
    what: RegistryAction,
    stream: ReadableStream<Uint8Array> | null,
    options: { abort: LinkedAbort; minimumRate: MinimumRate },
  ) {
    const { bytes, window } = options.minimumRate;
    this.#what = what;
    this.#abort = options.abort;
    this.#watchdog = new RateWatchdog(options.minimumRate, () => {
      const why = `slower than ${bytes} bytes in ${window / 1000} s`;
      this.#abort.abort(new RegistryError(what, why, { temporary: true }));
    });
    this.#reader = stream?.getReader({ mode: "byob" });
    this.#abort.signal.addEventListener("abort", this.#stop);
    if (this.#reader === undefined) this.#release();
  }

  /**
   * The next bytes as they come from the network, undefined at the end.
   *
   * @param into where to put them; this memory is the stream's then, and what is returned is another view of it
   * @throws {RegistryError} if the connection breaks or is too slow
   */
  async read(into = new Uint8Array(CHUNK)): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#reader === undefined) return undefined;
    this.#watchdog.wait();
    try {
      const { done, value } = await this.#reader.read(into);
      this.#watchdog.receive(value?.length ?? 0);
      this.#abort.signal.throwIfAborted();
      if (!done) return value;
    } catch (error) {
      this.#release();
      throw networkError(this.#what, error, this.#abort.signal);
    }
    this.#release();
    return undefined;
  }

  /**
   * The whole body.
   *
   * @throws {RegistryError} if it has more than `limit` bytes, or as {@linkcode read}
   */
  async readAll(limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) {
      size += chunk.length;
      if (size > limit) {
        await this.cancel();
        throw new RegistryError(this.#what, `larger than ${limit} bytes`);
      }
      chunks.push(chunk);
    }
    const whole = new Uint8Array(size);
    let offset = 0;
    for (const chunk of chunks) {
      whole.set(chunk, offset);
      offset += chunk.length;
    }
    return whole;
  }

  /** Reads a short rest, so that the connection can be used again, and drops a long one. */
  async discard(): Promise<void> {
    try {
      await this.readAll(DISCARD);
    } catch {
      // Nobody wants these bytes, so nobody wants to know why they did not come.
    }
  }

  /** Drops the rest and the connection with it. */
  async cancel(): Promise<void> {
    const reader = this.#reader;
    this.#release();
    // A body that has already failed rejects here with what its last read threw.
    await reader?.cancel().catch(() => {});
  }

  /**
   * The signal that fetch was given should do this, but in Deno 2.9 its link to the body is lost when memory is collected while
   * the body is read.
   */
  #stop = (): void => {
    this.#reader?.cancel(this.#abort.signal.reason).catch(() => {});
  };

  #release(): void {
    this.#abort.signal.removeEventListener("abort", this.#stop);
    this.#reader = undefined;
    this.#watchdog.stop();
    this.#abort[Symbol.dispose]();
  }
}
