/** Longer lines are cut into pieces of so many characters, so that a container cannot fill the supervisor's memory. */
const MAX_LINE = 16_384;

/** Cuts a stream of bytes into lines of text. Bytes that are not UTF-8 become U+FFFD. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = "";

  /** @param onLine called with each line, without its line end */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Takes the next bytes. */
  write(chunk: Uint8Array): void {
    this.#take(this.#decoder.decode(chunk, { stream: true }));
  }

  /** Gives out a last line that has no line end. */
  end(): void {
    this.#take(this.#decoder.decode());
    if (this.#rest !== "") this.#give(this.#rest);
    this.#rest = "";
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#give(line);
    while (this.#rest.length > MAX_LINE) {
      this.#give(this.#rest.slice(0, MAX_LINE));
      this.#rest = this.#rest.slice(MAX_LINE);
    }
  }

  #give(line: string): void {
    this.#onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  }
}
