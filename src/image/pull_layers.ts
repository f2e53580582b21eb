import { isSyscallError } from "../../ffi/errno.ts";
import type { Descriptor } from "../registry/descriptor.ts";
import type { Digest } from "../registry/digest.ts";
import type { ChainId } from "./chain_id.ts";
import { DecodeWorkers, decompress } from "./decompress.ts";
import type { FileSystem } from "./file_system.ts";
import type { LayerStore, StagedLayer } from "./layer_store.ts";
import { LowerLayers } from "./lower_layers.ts";
import { settleLayer } from "./settle_layer.ts";
import { TarReader } from "./tar_reader.ts";
import type { UnpackBudget } from "./unpack_budget.ts";
import { LayerUnpacker } from "./unpack_layer.ts";

/** A layer of an image. */
export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: ChainId;
}

/** What {@linkcode pullLayers} works with. */
export interface PullLayersOptions {
  /** All of the image's, bottom-up. */
  readonly layers: readonly ImageLayer[];
  readonly store: LayerStore;
  readonly fs: FileSystem;
  readonly budget: UnpackBudget;
  /**
   * Fetches a layer; the stream ends cleanly only if it has the digest of its descriptor, and can be
   * cancelled at any time.
   */
  readonly open: (
    descriptor: Descriptor,
    options: { onBytes: (bytes: number) => void },
  ) => ReadableStream<Uint8Array>;
  /** Told how each layer fares, by its index. */
  readonly onProgress: (layer: number, phase: LayerPhase, bytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * How far a layer is: it is in the store already; waits; is being fetched and unpacked; waits for those
 * below; is in the store now.
 */
export type LayerPhase = "present" | "waiting" | "fetching" | "unpacked" | "done";

/**
 * As many are fetched at a time: enough to fill the network and the processors, few enough for a registry's
 * patience. Each has a thread of its own, which takes a while to start.
 */
const PARALLEL = Math.min(Math.max(navigator.hardwareConcurrency, 2), 4);

/** A layer that has been unpacked, and is not in the store yet. */
interface Unsettled {
  readonly staged: StagedLayer;
  readonly unpacker: LayerUnpacker;
}

/**
 * Brings the layers of an image that are missing into the store. They are fetched and unpacked side by side,
 * then settled and committed bottom-up, each as soon as all below it are there. The first failure ends the
 * others; what has been committed by then stays.
 *
 * @throws {Error} naming the layer that failed
 */
export async function pullLayers(options: PullLayersOptions): Promise<void> {
  await new LayersPull(options).run();
}

class LayersPull {
  readonly #options: PullLayersOptions;
  readonly #abort = new AbortController();
  readonly #workers = new DecodeWorkers();
  /** Indices of the missing layers. */
  readonly #missing: readonly number[];
  readonly #unpacked = new Map<number, PromiseWithResolvers<Unsettled>>();
  readonly #unsettled = new Set<Unsettled>();

  constructor(options: PullLayersOptions) {
    const { layers, store } = options;
    this.#options = options;
    this.#missing = [...layers.keys()].filter((index) => !store.has(layers[index]!.chainId));
    for (const index of layers.keys()) {
      options.onProgress(index, this.#missing.includes(index) ? "waiting" : "present", 0);
    }
    for (const index of this.#missing) {
      const unpacked = Promise.withResolvers<Unsettled>();
      // After a failure nobody awaits what the other layers come to.
      unpacked.promise.catch(() => {});
      this.#unpacked.set(index, unpacked);
    }
  }

  async run(): Promise<void> {
    const { signal, store } = this.#options;
    const onAbort = () => this.#abort.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort);
    // The largest first, since it is what the others wait for in the end.
    const queue = this.#missing.toSorted((a, b) => this.#size(b) - this.#size(a));
    const tasks = Array.from({ length: Math.min(PARALLEL, queue.length) }, () => this.#work(queue));
    tasks.push(this.#settleAll());
    try {
      await Promise.all(tasks);
    } catch (error) {
      this.#abort.abort(error);
      for (const { reject } of this.#unpacked.values()) reject(error);
      await Promise.allSettled(tasks);
      for (const layer of this.#unsettled) this.#discard(layer);
      await store.deleted();
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#workers[Symbol.dispose]();
    }
  }

  #size(index: number): number {
    return this.#options.layers[index]!.descriptor.size;
  }

  async #work(queue: number[]): Promise<void> {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      this.#abort.signal.throwIfAborted();
      try {
        this.#unpacked.get(index)!.resolve(await this.#unpack(index));
      } catch (error) {
        throw this.#error(index, error);
      }
      this.#options.onProgress(index, "unpacked", this.#size(index));
    }
  }

  async #unpack(index: number): Promise<Unsettled> {
    const { layers, store, fs, budget, open, onProgress } = this.#options;
    const { descriptor, diffId } = layers[index]!;
    const staged = store.stage();
    const unpacker = new LayerUnpacker(fs, fs.openRoot(staged.path), budget);
    const layer = { staged, unpacker };
    this.#unsettled.add(layer);
    const archive = new TarReader(unpacker);
    let fetched = 0;
    const source = open(descriptor, {
      onBytes: (bytes) => onProgress(index, "fetching", fetched += bytes),
    });
    const actual = await decompress(source, {
      mediaType: descriptor.mediaType,
      size: descriptor.size,
      workers: this.#workers,
      onData: (bytes) => archive.push(bytes),
      signal: this.#abort.signal,
    });
    archive.end();
    // It may have to wait for all the layers below.
    unpacker.directories.rest();
    if (actual !== diffId) {
      throw new Error(`its DiffID is ${actual}, the image's configuration says ${diffId}`);
    }
    return layer;
  }

  async #settleAll(): Promise<void> {
    for (const index of this.#missing) {
      const layer = await this.#unpacked.get(index)!.promise;
      try {
        this.#settle(index, layer);
      } catch (error) {
        throw this.#error(index, error);
      }
      this.#options.onProgress(index, "done", this.#size(index));
    }
  }

  #settle(index: number, layer: Unsettled): void {
    const { layers, store, fs } = this.#options;
    const below = layers.slice(0, index).reverse();
    const lower = new LowerLayers(fs, below.map(({ chainId }) => store.path(chainId)));
    try {
      settleLayer(fs, layer.unpacker, lower);
    } finally {
      lower.close();
    }
    layer.unpacker.close();
    layer.staged.commit(layers[index]!.chainId);
    this.#unsettled.delete(layer);
  }

  #discard({ unpacker, staged }: Unsettled): void {
    unpacker.close();
    staged.discard();
  }

  #error(index: number, cause: unknown): Error {
    const { layers } = this.#options;
    const name = `layer ${index + 1} of ${layers.length} (${layers[index]!.descriptor.digest})`;
    const isFull = causes(cause).some((error) => isSyscallError(error, "ENOSPC", "EDQUOT"));
    const advice = isFull
      ? ": the layer store is full. It is in memory; give it more of that (bytes or inodes), or run fewer or smaller images"
      : "";
    return new Error(`Cannot pull ${name}${advice}`, { cause });
  }
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let e = error; e instanceof Error; e = e.cause) chain.push(e);
  return chain;
}
