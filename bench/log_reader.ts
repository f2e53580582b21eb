/** A line of Frontloader's log. */
export interface LogLine {
  readonly text: string;
  /** Its own time stamp, in milliseconds since 1970. */
  readonly loggedAt: number;
  /** When it arrived here, by `performance.now()`. */
  readonly readAt: number;
}

const PATIENCE_MS = 60_000;

/** Reads a log as it is written. */
export class LogReader {
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<() => void>();
  #ended = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#read(stream);
  }

  /** How many lines there are so far. */
  get length(): number {
    return this.#lines.length;
  }

  /**
   * Waits for a line.
   *
   * @param from how many lines to skip
   * @throws {Error} with the log, if it does not come
   */
  find(pattern: RegExp, from = 0): Promise<LogLine> {
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    const look = () => {
      const line = this.#lines.slice(from).find(({ text }) => pattern.test(text));
      if (line !== undefined) resolve(line);
      else if (this.#ended) give("the log has ended");
    };
    const give = (up: string) =>
      reject(
        new Error(`No line ${pattern}: ${up}:\n${this.#lines.map(({ text }) => text).join("\n")}`),
      );
    const timer = setTimeout(() => give(`not within ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    this.#listeners.add(look);
    look();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#listeners.delete(look);
    });
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      const readAt = performance.now();
      const texts = `${rest}${chunk}`.split("\n");
      rest = texts.pop()!;
      for (const text of texts) {
        this.#lines.push({ text, loggedAt: Date.parse(text.slice(0, text.indexOf(" "))), readAt });
      }
      for (const listener of this.#listeners) listener();
    }
    this.#ended = true;
    for (const listener of this.#listeners) listener();
  }
}
