import { createHash } from "node:crypto";
import type { BodyReader } from "./body_reader.ts";
import type { Descriptor } from "./descriptor.ts";
import { LinkedAbort } from "./linked_abort.ts";
import { type RegistryAction, RegistryError } from "./registry_error.ts";
import { type RetryPolicy, sleepBeforeRetry } from "./retry.ts";
import type { Answer } from "./transport.ts";

/** What {@linkcode BlobSource} works with. */
export interface BlobSourceOptions {
  readonly what: RegistryAction;
  readonly descriptor: Descriptor;
  /** Makes one request, for the bytes from `offset` on. */
  readonly open: (offset: number, signal: AbortSignal) => Promise<Answer>;
  readonly retry: RetryPolicy;
  /** An attempt that brought so many bytes was not in vain: attempts are counted anew after it. */
  readonly progress: number;
  /** Told of every chunk how long it is, as it arrives. */
  readonly onBytes?: (bytes: number) => void;
  /** Each of them ends the transfer. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

type Chunk = Uint8Array<ArrayBuffer>;

/**
 * The source of a stream of one blob: exactly as many bytes as its descriptor says, with the digest that it says, or
 * the stream fails before its last chunk. A transfer that breaks off is resumed where it stopped.
 */
export class BlobSource implements UnderlyingByteSource {
  readonly type = "bytes";
  /** For readers that bring no memory of their own. */
  readonly autoAllocateChunkSize = 256 * 1024;
  readonly #options: BlobSourceOptions;
  readonly #abort: LinkedAbort;
  readonly #hash = createHash("sha256");
  #body: BodyReader | undefined;
  /** Bytes received and hashed, over all attempts. */
  #received = 0;
  /** What {@linkcode #received} was when the attempt began. */
  #attemptStart = 0;
  /** Bytes at the beginning of this attempt's body that were received before. */
  #skip = 0;
  #failures = 0;

  constructor(options: BlobSourceOptions) {
    this.#options = options;
    this.#abort = new LinkedAbort(...options.signals);
  }

  /** Makes the request at once; nothing is read before somebody wants it. */
  async start(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    try {
      // There always is one, since memory is allocated for readers that bring none.
      const request = controller.byobRequest!;
      const chunk = await this.#next(request.view as Chunk);
      const complete = this.#received === this.#options.descriptor.size;
      if (complete) await this.#verify();
      if (chunk !== undefined) request.respondWithNewView(chunk);
      if (!complete) return;
      await this.#end();
      controller.close();
      // Who waits for more with memory of its own gets that back.
      controller.byobRequest?.respond(0);
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  async cancel(reason: unknown): Promise<void> {
    this.#abort.abort(reason);
    await this.#end();
  }

  async #connect(): Promise<void> {
    while (this.#body === undefined) {
      try {
        this.#body = await this.#open();
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** The next bytes, whatever it takes; undefined only for an empty blob. */
  async #next(into: Chunk): Promise<Chunk | undefined> {
    const { buffer: { byteLength }, byteOffset, length } = into;
    // A read that fails takes the memory with it; what is handed on has to lie in such a piece as was asked for.
    for (let room = into;; room = new Uint8Array(new ArrayBuffer(byteLength), byteOffset, length)) {
      try {
        this.#body ??= await this.#open();
        const chunk = await this.#body.read(room);
        if (chunk === undefined && this.#received === this.#options.descriptor.size) return chunk;
        const fresh = this.#accept(chunk);
        if (fresh.length > 0) return fresh;
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #open(): Promise<BodyReader> {
    this.#attemptStart = this.#received;
    const { status, headers, body } = await this.#options.open(this.#received, this.#abort.signal);
    try {
      if (status === 206) {
        this.#checkRange(headers.get("content-range"));
        this.#skip = 0;
      } else {
        // All of it once more. What was handed on stays handed on: it is in the hash, which judges the whole.
        this.#checkSize(headers.get("content-length"));
        this.#skip = this.#received;
      }
    } catch (error) {
      await body.cancel();
      throw error;
    }
    return body;
  }

  #checkRange(range: string | null): void {
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/i.exec(range ?? "") ?? [];
    if (Number(first) !== this.#received) {
      const shown = JSON.stringify(range?.slice(0, 100) ?? "");
      throw this.#error(
        `asked for the bytes from ${this.#received} on, got Content-Range ${shown}`,
      );
    }
    if (total !== "*") this.#checkSize(total ?? null);
  }

  #checkSize(size: string | null): void {
    const expected = this.#options.descriptor.size;
    if (size !== null && Number(size) !== expected) {
      throw this.#error(`it has ${size} bytes, its descriptor says ${expected}`);
    }
  }

  /** Counts and hashes a chunk, and returns what of it is new. */
  #accept(chunk: Chunk | undefined): Chunk {
    const { size } = this.#options.descriptor;
    if (chunk === undefined) {
      // fetch takes the end of a body without Content-Length for its end, even if the connection was just lost.
      throw this.#error(`it ended after ${this.#received} of ${size} bytes`, { temporary: true });
    }
    const skip = Math.min(this.#skip, chunk.length);
    this.#skip -= skip;
    // What is handed on has to begin where the reader's memory does.
    if (skip > 0) chunk.copyWithin(0, skip);
    const fresh = chunk.subarray(0, chunk.length - skip);
    if (this.#received + fresh.length > size) throw this.#tooLong();
    this.#hash.update(fresh);
    this.#received += fresh.length;
    this.#options.onBytes?.(fresh.length);
    return fresh;
  }

  async #recover(error: unknown): Promise<void> {
    await this.#body?.cancel();
    this.#body = undefined;
    if (this.#received - this.#attemptStart >= this.#options.progress) this.#failures = 0;
    this.#failures++;
    await sleepBeforeRetry(this.#options.retry, error, this.#failures, this.#abort.signal);
  }

  /** Compares the digest, and makes sure that nothing follows. */
  async #verify(): Promise<void> {
    const { digest } = this.#options.descriptor;
    const actual = `sha256:${this.#hash.digest("hex")}`;
    if (actual !== digest) throw this.#error(`its digest is ${actual}`);
    // A connection that breaks now takes nothing away: all the bytes are here, and they are the right ones.
    const more = await this.#body?.read().catch(() => undefined);
    if (more !== undefined) throw this.#tooLong();
  }

  async #end(): Promise<void> {
    await this.#body?.cancel();
    this.#abort[Symbol.dispose]();
  }

  #tooLong(): RegistryError {
    return this.#error(`it is longer than the ${this.#options.descriptor.size} bytes expected`);
  }

  #error(why: string, failure: { temporary?: boolean } = {}): RegistryError {
    return new RegistryError(this.#options.what, why, failure);
  }
}
