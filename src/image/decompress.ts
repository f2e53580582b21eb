import { type Digest, parseDigest } from "../registry/digest.ts";
import { checkMagic, compressionOf, MAGIC_LENGTH } from "./compression.ts";
import { DecodeWorker } from "./decode_worker.ts";
import { ChunkReader } from "./chunk_reader.ts";
import { type Decoding, LocalDecoding } from "./decoding.ts";
import { ZstdFrames } from "./zstd_frames.ts";

/** A layer to be decompressed. */
export interface DecompressOptions {
  readonly mediaType: string;
  /** Bytes that it has as it is. */
  readonly size: number;
  /** Where large ones are decompressed. */
  readonly workers: DecodeWorkers;
  /** Takes the decompressed data in pieces, which are valid until it returns. */
  readonly onData: (bytes: Uint8Array) => void;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

/** A thread takes 30 ms to begin with, in which this much can be decompressed without it. */
const WORTH_A_THREAD = 2 << 20;

/** Threads that decompress, of which each serves one layer after the other. */
export class DecodeWorkers implements Disposable {
  readonly #all: DecodeWorker[] = [];
  readonly #idle: DecodeWorker[] = [];

  /** A thread that has nothing to do. */
  acquire(): DecodeWorker {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const worker = new DecodeWorker();
    this.#all.push(worker);
    return worker;
  }

  /** Gives a thread back whose layer has come to its end, a good one. */
  release(worker: DecodeWorker): void {
    this.#idle.push(worker);
  }

  /** Ends all threads. */
  [Symbol.dispose](): void {
    for (const worker of this.#all) worker.terminate();
  }
}

/**
 * Decompresses a layer: gzip, zstd, or as it is.
 *
 * @param source read to its end, or cancelled
 * @returns the layer's DiffID (OCI image-spec, config.md#layer-diffid)
 * @throws {Error} if the data is damaged, cut short, or followed by garbage; what `source` fails with,
 * `onData` throws, or the signal's reason
 */
export async function decompress(
  source: ReadableStream<Uint8Array>,
  options: DecompressOptions,
): Promise<Digest> {
  const { signal } = options;
  const reader = new ChunkReader(source);
  const onAbort = () => reader.cancel(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  const compression = compressionOf(options.mediaType);
  const frames = compression === "zstd" ? new ZstdFrames() : undefined;
  let worker: DecodeWorker | undefined;
  let decoding: Decoding | undefined;
  try {
    signal?.throwIfAborted();
    if (compression !== "none" && options.size > WORTH_A_THREAD) {
      worker = options.workers.acquire();
      // It takes a while to come up, as the first bytes do. An error of its own must not wait for the next ones.
      decoding = worker.start(compression, options.onData, (reason) => reader.cancel(reason));
    } else {
      decoding = new LocalDecoding(compression, options.onData);
    }
    const start = await reader.readAtLeast(MAGIC_LENGTH);
    checkMagic(start, compression);
    for (let chunk: Uint8Array | undefined = start; chunk !== undefined;) {
      frames?.push(chunk);
      await decoding.write(chunk);
      chunk = await reader.read();
    }
    // It is the end of a stream that was cancelled, too.
    signal?.throwIfAborted();
    const sha256 = await decoding.end();
    frames?.end();
    if (worker !== undefined) options.workers.release(worker);
    return parseDigest(`sha256:${sha256}`);
  } catch (error) {
    decoding?.abort(error);
    reader.cancel(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
