import { LineSplitter } from "../../../src/streams/line_splitter.ts";

/** A connection to a socket of QEMU's, with text in lines. */
export class LineConnection implements AsyncDisposable {
  /** Called with each line that comes. */
  onLine: (line: string) => void = () => {};
  /** Resolves when the other side has closed it, or this one. */
  readonly ended: Promise<void>;
  readonly #connection: Deno.UnixConn;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
    this.ended = this.#read();
  }

  /** @param path of the socket */
  static async open(path: string): Promise<LineConnection> {
    return new LineConnection(await Deno.connect({ transport: "unix", path }));
  }

  /** Sends text; where nobody is there to read it, {@linkcode ended} tells. */
  async send(text: string): Promise<void> {
    let bytes = new TextEncoder().encode(text);
    try {
      while (bytes.length > 0) bytes = bytes.subarray(await this.#connection.write(bytes));
    } catch {
      await this.ended;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    await this.ended;
  }

  async #read(): Promise<void> {
    const lines = new LineSplitter((line) => this.onLine(line), 1 << 20);
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let size; (size = await this.#connection.read(buffer)) !== null;) {
        lines.write(buffer.slice(0, size));
      }
    } catch {
      // Reset, or closed by this side.
    }
  }
}
