import { concatBytes } from "../../streams/concat_bytes.ts";
import { settlesWithin } from "../../system/within.ts";
import type { SyslogConnection } from "./connection.ts";

/** A receiver that takes nothing for so long is given up: the connection may have died without a word. */
const STALL_MS = 60_000;
/** So long a receiver may take to close the connection when it is asked to. */
const CLOSE_MS = 1_000;

/** What of a `Deno.Conn` is needed. */
export type ByteStream = Pick<Deno.Conn, "read" | "write" | "closeWrite" | "close">;

const encoder = new TextEncoder();

/** Messages over TCP or TLS, with octet counting: RFC 6587, section 3.4.1, and RFC 5425, section 4.3. */
export class StreamConnection implements SyslogConnection {
  readonly isAnswered = true;
  readonly #stream: ByteStream;
  readonly #broken = Promise.withResolvers<unknown>();
  #isBroken = false;
  /** Resolves when the receiver has closed its side. */
  readonly #end: Promise<void>;

  /** @param stream the connection; closed with this */
  constructor(stream: ByteStream) {
    this.#stream = stream;
    this.#end = this.#watchEnd();
  }

  get broken(): Promise<unknown> {
    return this.#broken.promise;
  }

  async send(messages: readonly Uint8Array[]): Promise<number> {
    const frames = messages.map((message) =>
      concatBytes([encoder.encode(`${message.length} `), message])
    );
    let written = 0;
    for (let rest = concatBytes(frames); rest.length > 0 && !this.#isBroken;) {
      const count = await this.#write(rest);
      written += count;
      rest = rest.subarray(count);
    }
    return completeFrames(frames, written);
  }

  async close(): Promise<void> {
    if (!this.#isBroken) {
      await settlesWithin(CLOSE_MS, this.#stream.closeWrite().then(() => this.#end));
    }
    this.#closeStream();
    await this.#end;
  }

  async #write(bytes: Uint8Array): Promise<number> {
    const timer = setTimeout(() => {
      this.#break(new Error(`it has taken nothing for ${STALL_MS / 1000} s`));
      this.#closeStream();
    }, STALL_MS);
    try {
      return await this.#stream.write(bytes);
    } catch (error) {
      this.#break(error);
      return 0;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Receivers of syslog say nothing. Reading tells at once when one has gone; otherwise only the second message after that
   * would, and the first would be taken by the kernel, and lost.
   */
  async #watchEnd(): Promise<void> {
    const ignored = new Uint8Array(1024);
    try {
      while (await this.#stream.read(ignored) !== null);
      this.#break(new Error("the receiver has closed the connection"));
    } catch (error) {
      this.#break(error);
    }
  }

  #break(reason: unknown): void {
    this.#isBroken = true;
    this.#broken.resolve(reason);
  }

  #closeStream(): void {
    try {
      this.#stream.close();
    } catch (error) {
      // It was closed before.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

/** How many frames lie in the first `written` bytes as a whole: one that was cut off has to be sent again. */
function completeFrames(frames: readonly Uint8Array[], written: number): number {
  let end = 0;
  const firstCut = frames.findIndex(({ length }) => (end += length) > written);
  return firstCut === -1 ? frames.length : firstCut;
}
