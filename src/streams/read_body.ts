type Bytes = Uint8Array<ArrayBuffer>;

/** How to read a body. */
export interface ReadBodyOptions {
  /** Larger bodies are refused. */
  readonly maxBytes: number;
  /** Ends the reading; the promise is then rejected with its reason. */
  readonly signal?: AbortSignal;
  /** Called whenever something has come. */
  readonly onProgress?: () => void;
}

/**
 * Reads a small body to its end. Listens to the signal itself: in Deno 2.9 the one that fetch was given no longer reaches
 * the body once memory has been collected.
 *
 * @throws {Error} if it is larger than `maxBytes`
 */
export async function readBody(
  body: ReadableStream<Bytes>,
  { maxBytes, signal, onProgress }: ReadBodyOptions,
): Promise<Bytes> {
  const reader = body.getReader();
  // A stream that broke has nothing left to cancel, and its reader has the error.
  const cancel = (reason: unknown) => void reader.cancel(reason).catch(() => {});
  const stop = () => cancel(signal?.reason);
  signal?.addEventListener("abort", stop);
  const chunks: Bytes[] = [];
  let size = 0;
  try {
    signal?.throwIfAborted();
    while (true) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return await new Blob(chunks).bytes();
      onProgress?.();
      size += value.length;
      if (size > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
      chunks.push(value);
    }
  } catch (error) {
    cancel(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * Decodes UTF-8, without its byte order mark if it has one.
 *
 * @throws {Error} if it is something else
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error("not UTF-8", { cause });
  }
}
