import type * as zlib from "node:zlib";

/** Takes compressed bytes piece by piece, and puts what they contain where it is told. */
export interface Decoder {
  /** How many bytes of the input the last call used, and how many bytes of output it made. */
  readonly used: number;
  readonly made: number;
  /**
   * Decodes `input` from `from` to `to` into `room` bytes of `output` from `at` on. It ends when there is no
   * more input or no more room; in the latter case there may be more to come without further input.
   *
   * @throws {Error} if the input is damaged
   */
  decode(
    input: Uint8Array,
    from: number,
    to: number,
    output: Uint8Array,
    at: number,
    room: number,
  ): void;
  /**
   * Says that there is no more input.
   *
   * @throws {Error} if it is incomplete
   */
  finish(): void;
}

/**
 * What node:zlib's streams have inside, and what Node and Deno have in common there. The streams themselves
 * are not good enough: they take a new buffer for every piece of output, which costs a fifth of the time in
 * page faults, and they cannot say that there is garbage behind the last member, nor go on to a second frame
 * of zstd.
 */
interface ZlibStream {
  readonly _handle: {
    onerror: (message: string) => void;
    writeSync(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputLength: number,
      output: Uint8Array,
      outputOffset: number,
      outputLength: number,
    ): void;
  };
  /** How much of the output, and of the input, the last call left. */
  readonly _writeState: readonly [output: number, input: number];
}

/**
 * Makes a decoder for gzip (RFC 1952: several members, zeros behind the last) or zstd (RFC 8878: several frames).
 *
 * This function is also run in workers, from its source: it must use nothing from outside but its parameters.
 */
export function createDecoder(
  { createGunzip, createZstdDecompress, constants }: typeof zlib,
  compression: "gzip" | "zstd",
): Decoder {
  const gzip = compression === "gzip";
  const stream = (gzip ? createGunzip() : createZstdDecompress()) as unknown as ZlibStream;
  const handle = stream._handle;
  const state = stream._writeState;
  let error: string | undefined;
  handle.onerror = (message) => error = message;
  /** True once gzip's members have ended. */
  let ended = false;

  const checkPadding = (input: Uint8Array, from: number, to: number) => {
    for (let i = from; i < to; i++) {
      if (input[i] !== 0) throw new Error("garbage behind the compressed data");
    }
  };

  const decoder = {
    used: 0,
    made: 0,
    decode(
      input: Uint8Array,
      from: number,
      to: number,
      output: Uint8Array,
      at: number,
      room: number,
    ) {
      decoder.used = to - from;
      decoder.made = 0;
      if (ended) return checkPadding(input, from, to);
      handle.writeSync(constants.Z_NO_FLUSH, input, from, to - from, output, at, room);
      if (error !== undefined) throw new Error(error);
      const [roomLeft, inputLeft] = state;
      decoder.made = room - roomLeft;
      decoder.used -= inputLeft;
      if (inputLeft === 0 || roomLeft === 0) return;
      if (gzip) {
        // Another member would have been begun if this were not a zero.
        ended = true;
        checkPadding(input, to - inputLeft, to);
        decoder.used = to - from;
      } else if (decoder.used === 0 && decoder.made === 0) {
        throw new Error("garbage behind the compressed data");
      }
    },
    finish() {
      // zstd cannot tell: see ZstdFrames.
      if (!gzip || ended) return;
      handle.writeSync(constants.Z_FINISH, new Uint8Array(0), 0, 0, new Uint8Array(1), 0, 1);
      if (error !== undefined) throw new Error(error);
    },
  };
  return decoder;
}
