import { LineConnection } from "./line_connection.ts";

/** An answer of QEMU's, or an event. */
interface Message {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** The control socket of a QEMU: <https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html>. */
export class Qmp implements AsyncDisposable {
  readonly #connection: LineConnection;
  /** One command at a time: answers bear no name. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(connection: LineConnection) {
    this.#connection = connection;
  }

  /** @param path of the socket that QEMU listens on */
  static async connect(path: string): Promise<Qmp> {
    const qmp = new Qmp(await LineConnection.open(path));
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /**
   * Has QEMU execute a command: `system_powerdown`, `system_reset`, `block_resize`, `set_link`, …
   *
   * @throws {Error} with QEMU's own words
   */
  execute(command: string, arguments_: object = {}): Promise<unknown> {
    const answer = this.#last.then(() => this.#execute(command, arguments_));
    this.#last = answer.catch(() => {});
    return answer;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  async #execute(command: string, arguments_: object): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#connection.onLine = (line) => {
      const message: Message = JSON.parse(line);
      if ("return" in message || "error" in message) resolve(message);
    };
    this.#connection.ended.then(() => resolve({ error: { desc: "it has ended" } }));
    await this.#connection.send(`${JSON.stringify({ execute: command, arguments: arguments_ })}\n`);
    const { error, return: answer } = await promise;
    if (error !== undefined) throw new Error(`QEMU cannot ${command}: ${error.desc}`);
    return answer;
  }
}
