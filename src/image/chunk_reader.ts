/** As much is asked for at a time: what a socket of Linux holds, and each piece costs a turn of the event loop. */
const CHUNK = 1 << 18;

/** Reads a stream chunk by chunk; from a byte stream into one and the same piece of memory. */
export class ChunkReader {
  readonly #next: () => Promise<Uint8Array | undefined>;
  readonly #cancel: (reason: unknown) => Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>) {
    const bytes = byteReader(stream);
    if (bytes === undefined) {
      const reader = stream.getReader();
      this.#next = async () => (await reader.read()).value;
      this.#cancel = (reason) => reader.cancel(reason);
    } else {
      let buffer = new ArrayBuffer(CHUNK);
      this.#next = async () => {
        const { value } = await bytes.read(new Uint8Array(buffer));
        // The stream gives it back, as another object.
        if (value !== undefined) buffer = value.buffer;
        return value?.length === 0 ? undefined : value;
      };
      this.#cancel = (reason) => bytes.cancel(reason);
    }
  }

  /** The next bytes, valid until the next call; undefined at the end. */
  read(): Promise<Uint8Array | undefined> {
    return this.#next();
  }

  /** The next bytes, valid until the next call, and fewer than `count` only if there are no more. */
  async readAtLeast(count: number): Promise<Uint8Array> {
    let all = await this.read() ?? new Uint8Array(0);
    while (all.length < count) {
      const start = all.slice();
      const chunk = await this.read();
      if (chunk === undefined) return start;
      all = new Uint8Array(start.length + chunk.length);
      all.set(start);
      all.set(chunk, start.length);
    }
    return all;
  }

  /** Reads no more. What the stream says to this is what it says to {@linkcode read} as well. */
  cancel(reason: unknown): void {
    this.#cancel(reason).catch(() => {});
  }
}

function byteReader(
  stream: ReadableStream<Uint8Array>,
): ReadableStreamBYOBReader | undefined {
  try {
    return stream.getReader({ mode: "byob" });
  } catch (error) {
    // That is how a stream says that it is not one of bytes.
    if (error instanceof TypeError && !stream.locked) return undefined;
    throw error;
  }
}
