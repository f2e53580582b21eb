/**
 * Decoding on another thread. node:zlib does all its work on the thread that calls it, also where it looks
 * asynchronous.
 */
import type { createHash } from "node:crypto";
import { createDecoder } from "./decoder.ts";
import type { Decoding } from "./decoding.ts";

/** Bytes of compressed data on their way to the worker; a power of two. */
const INPUT = 1 << 20;
/** Decoded data on its way back, in pieces that fit the cache of a core: the worker hashes what it has just made. */
const SLOT = 1 << 18;
const SLOTS = 8;

/** Words of the memory that both threads look at. Counts are of 32 bits and wrap around. */
const CONTROL = {
  /** Changes whenever the main thread has changed something: the worker sleeps on it. */
  signal: 0,
  /** Bytes of input that the main thread has written, */
  written: 1,
  /** and the worker is done with. */
  read: 2,
  /** Slots of output that the main thread is done with. */
  released: 3,
  /** 1 once all the input is there. */
  ended: 4,
  /** 1 while the main thread waits for room. */
  waiting: 5,
  /** 1 once nobody wants the result any more. */
  aborted: 6,
} as const;

/** What the worker is told, once for a layer. All of it is shared memory. */
interface Job {
  readonly compression: "gzip" | "zstd";
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly input: Uint8Array<SharedArrayBuffer>;
  readonly slots: readonly Uint8Array<SharedArrayBuffer>[];
  readonly words: typeof CONTROL;
}

/** What the worker says: how many bytes the next slot has, 0 that there is room for input, or how it ended. */
type Message = number | DecodedLayer | { readonly error: string };

/** What decoding a layer has come to. */
interface DecodedLayer {
  /** sha256 of the decoded data, in hexadecimal. */
  readonly sha256: string;
}

/**
 * The worker. As it is run from its source, nothing from outside is used but the parameters.
 *
 * A job is one long call, which sleeps while there is nothing to do.
 */
function runWorker(
  scope: {
    onmessage: ((event: { data: Job }) => void) | null;
    postMessage(message: Message): void;
  },
  makeDecoder: (compression: Job["compression"]) => ReturnType<typeof createDecoder>,
  makeHash: typeof createHash,
): void {
  const run = ({ compression, control, input, slots, words }: Job): Message => {
    const decoder = makeDecoder(compression);
    const hash = makeHash("sha256");
    let read = 0;
    let filled = 0;
    let inSlot = 0;

    const available = () => (Atomics.load(control, words.written) - read) | 0;
    const waitUntil = (condition: () => boolean) => {
      for (;;) {
        // Read before anything else: a change after this makes the wait return at once.
        const signal = Atomics.load(control, words.signal);
        if (Atomics.load(control, words.aborted) !== 0) throw new Error("aborted");
        if (condition()) return;
        Atomics.wait(control, words.signal, signal);
      }
    };
    const emit = (slot: Uint8Array) => {
      hash.update(slot.subarray(0, inSlot));
      scope.postMessage(inSlot);
      inSlot = 0;
      filled++;
    };

    for (;;) {
      waitUntil(() => available() > 0 || Atomics.load(control, words.ended) !== 0);
      const count = available();
      if (count === 0) break;
      let from = read & (input.length - 1);
      // A small part of the input at a time, so that its room is free again while there is more to do.
      const to = Math.min(from + count, from + input.length / 8, input.length);
      read = (read + to - from) | 0;
      for (let isFull = true; isFull || from < to;) {
        waitUntil(() => ((filled - Atomics.load(control, words.released)) | 0) < slots.length);
        const slot = slots[filled % slots.length]!;
        decoder.decode(input, from, to, slot, inSlot, slot.length - inSlot);
        from += decoder.used;
        inSlot += decoder.made;
        isFull = inSlot === slot.length;
        if (isFull) emit(slot);
      }
      Atomics.store(control, words.read, read);
      if (Atomics.exchange(control, words.waiting, 0) === 1) scope.postMessage(0);
    }
    decoder.finish();
    if (inSlot > 0) emit(slots[filled % slots.length]!);
    return { sha256: hash.digest("hex") };
  };

  scope.onmessage = ({ data }) => {
    let message: Message;
    try {
      message = run(data);
    } catch (error) {
      message = { error: error instanceof Error ? error.message : String(error) };
    }
    scope.postMessage(message);
  };
}

/**
 * The worker's source as a URL. As a URL of its own it needs no file beside the program, which there is none
 * of in a bundle or a compiled program.
 */
function workerUrl(): string {
  const source = `
    import * as zlib from "node:zlib";
    import { createHash } from "node:crypto";
    const createDecoder = ${createDecoder};
    (${runWorker})(self, (compression) => createDecoder(zlib, compression), createHash);`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** A thread that decodes one layer after the other. */
export class DecodeWorker {
  readonly #worker = new Worker(workerUrl(), { type: "module" });

  /**
   * Begins with a layer; the one before must have ended.
   *
   * @param onData takes the decoded data in pieces, which are valid until it returns
   * @param onFailure told at once when it can come to nothing any more
   */
  start(
    compression: Job["compression"],
    onData: (bytes: Uint8Array) => void,
    onFailure: (reason: unknown) => void,
  ): Decoding {
    return new WorkerDecoding(this.#worker, { compression, onData, onFailure });
  }

  /** Ends the thread. */
  terminate(): void {
    this.#worker.terminate();
  }
}

interface WorkerDecodingOptions {
  readonly compression: Job["compression"];
  readonly onData: (bytes: Uint8Array) => void;
  readonly onFailure: (reason: unknown) => void;
}

/** A layer on its way through a worker. */
class WorkerDecoding implements Decoding {
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * Object.keys(CONTROL).length));
  readonly #input = new Uint8Array(new SharedArrayBuffer(INPUT));
  readonly #slots = Array.from(
    { length: SLOTS },
    () => new Uint8Array(new SharedArrayBuffer(SLOT)),
  );
  readonly #options: WorkerDecodingOptions;
  readonly #result = Promise.withResolvers<DecodedLayer>();
  #received = 0;
  #onRoom: (() => void) | undefined;

  constructor(worker: Worker, options: WorkerDecodingOptions) {
    this.#options = options;
    // Nobody awaits the result before everything has been written.
    this.#result.promise.catch(() => {});
    worker.onmessage = ({ data }) => this.#onMessage(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(`the decoding thread failed: ${event.message}`));
    };
    const job: Job = {
      compression: options.compression,
      control: this.#control,
      input: this.#input,
      slots: this.#slots,
      words: CONTROL,
    };
    worker.postMessage(job);
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0 && !this.#aborted;) {
      const room = this.#room();
      if (room === 0) {
        await this.#waitForRoom();
        continue;
      }
      const written = this.#control[CONTROL.written]!;
      const at = written & (INPUT - 1);
      const count = Math.min(rest.length, room, INPUT - at);
      this.#input.set(rest.subarray(0, count), at);
      Atomics.store(this.#control, CONTROL.written, (written + count) | 0);
      this.#wake();
      rest = rest.subarray(count);
    }
  }

  async end(): Promise<string> {
    Atomics.store(this.#control, CONTROL.ended, 1);
    this.#wake();
    return (await this.#result.promise).sha256;
  }

  abort(reason: unknown): void {
    this.#result.reject(reason);
    Atomics.store(this.#control, CONTROL.aborted, 1);
    this.#wake();
    this.#onRoom?.();
  }

  #fail(reason: unknown): void {
    this.abort(reason);
    this.#options.onFailure(reason);
  }

  get #aborted(): boolean {
    return Atomics.load(this.#control, CONTROL.aborted) !== 0;
  }

  #onMessage(message: Message): void {
    if (this.#aborted) return;
    if (message === 0) this.#onRoom?.();
    else if (typeof message === "number") this.#onSlot(message);
    else if ("error" in message) this.#fail(new Error(message.error));
    else this.#result.resolve(message);
  }

  #onSlot(length: number): void {
    try {
      this.#options.onData(this.#slots[this.#received % SLOTS]!.subarray(0, length));
    } catch (error) {
      return this.#fail(error);
    }
    this.#received++;
    Atomics.store(this.#control, CONTROL.released, this.#received | 0);
    this.#wake();
  }

  #room(): number {
    const { written, read } = CONTROL;
    return INPUT -
      ((this.#control[written]! - Atomics.load(this.#control, read)) | 0);
  }

  async #waitForRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onRoom = resolve;
    Atomics.store(this.#control, CONTROL.waiting, 1);
    // The worker may have made room just before it could see that somebody waits.
    if (this.#room() === 0 && !this.#aborted) await promise;
    this.#onRoom = undefined;
  }

  #wake(): void {
    Atomics.add(this.#control, CONTROL.signal, 1);
    Atomics.notify(this.#control, CONTROL.signal);
  }
}
