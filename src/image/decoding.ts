import { createHash } from "node:crypto";
import * as zlib from "node:zlib";
import type { Compression } from "./compression.ts";
import { createDecoder } from "./decoder.ts";

/** One layer that is being decoded. */
export interface Decoding {
  /** Takes the next bytes of the layer, and resolves when there is room for more. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Says that there are no more bytes.
   *
   * @returns the sha256 of the decoded data, in hexadecimal, when all of it has been handed on
   * @throws {Error} if the data is damaged or incomplete, or what taking the decoded data threw
   */
  end(): Promise<string>;
  /** Ends it early: nothing is handed on any more. */
  abort(reason: unknown): void;
}

/** Decoded data is handed on in pieces of so many bytes, which fit the cache of a core. */
const PIECE = 1 << 18;

/** Decodes on this thread: what is not compressed, and what is too small to be worth another thread. */
export class LocalDecoding implements Decoding {
  readonly #hash = createHash("sha256");
  readonly #onData: (bytes: Uint8Array) => void;
  readonly #decoder: ReturnType<typeof createDecoder> | undefined;
  readonly #piece: Uint8Array;

  /** @param onData takes the decoded data in pieces, which are valid until it returns */
  constructor(compression: Compression, onData: (bytes: Uint8Array) => void) {
    this.#onData = onData;
    this.#decoder = compression === "none" ? undefined : createDecoder(zlib, compression);
    this.#piece = new Uint8Array(this.#decoder === undefined ? 0 : PIECE);
  }

  // deno-lint-ignore require-await -- so that it rejects where it would throw
  async write(chunk: Uint8Array): Promise<void> {
    const decoder = this.#decoder;
    if (decoder === undefined) return this.#emit(chunk);
    for (let from = 0, isFull = true; isFull || from < chunk.length;) {
      decoder.decode(chunk, from, chunk.length, this.#piece, 0, PIECE);
      from += decoder.used;
      isFull = decoder.made === PIECE;
      this.#emit(this.#piece.subarray(0, decoder.made));
    }
  }

  // deno-lint-ignore require-await -- so that it rejects where it would throw
  async end(): Promise<string> {
    this.#decoder?.finish();
    return this.#hash.digest("hex");
  }

  abort(): void {}

  #emit(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#onData(bytes);
  }
}
