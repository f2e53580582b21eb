/** Cuts a stream of bytes into lines of text. Bytes that are not UTF-8 become U+FFFD. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #maxLength: number;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = "";

  /**
   * @param onLine called with each line, without its line end
   * @param maxLength longer lines are cut into pieces of so many UTF-16 code units (2 or more), so that whoever writes
   * cannot fill the memory
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
    if (this.#rest !== "") this.#giveLine(this.#rest);
    this.#rest = "";
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    const rest = lines.pop()!;
    for (const line of lines) this.#giveLine(line);
    // A carriage return at its end may turn out to belong to the line end.
    const end = rest.endsWith("\r") ? "\r" : "";
    this.#rest = this.#givePieces(rest.slice(0, rest.length - end.length)) + end;
  }

  #giveLine(line: string): void {
    this.#onLine(this.#givePieces(line.endsWith("\r") ? line.slice(0, -1) : line));
  }

  /** Gives out as much of a line as is too long, and returns the rest. */
  #givePieces(line: string): string {
    let rest = line;
    while (rest.length > this.#maxLength) {
      // Not between the two halves of a surrogate pair.
      const end = this.#maxLength - (/[\uD800-\uDBFF]/.test(rest[this.#maxLength - 1]!) ? 1 : 0);
      this.#onLine(rest.slice(0, end));
      rest = rest.slice(end);
    }
    return rest;
  }
}
