/** Cuts a stream of bytes into lines of text. Bytes that are not UTF-8 become U+FFFD. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #maxLength: number;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = "";

  /**
   * @param onLine called with each line, without its line end
   * @param maxLength longer lines are cut into pieces of so many characters, so that whoever writes cannot fill the memory
   */
  constructor(onLine: (line: string) => void, maxLength: number) {
    this.#onLine = onLine;
    this.#maxLength = maxLength;
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
    while (this.#rest.length > this.#maxLength) {
      this.#give(this.#rest.slice(0, this.#maxLength));
      this.#rest = this.#rest.slice(this.#maxLength);
    }
  }

  #give(line: string): void {
    this.#onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  }
}
