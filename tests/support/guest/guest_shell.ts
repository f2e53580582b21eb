import { within } from "../../../src/system/within.ts";
import { LineConnection } from "./line_connection.ts";

/** How often the guest is asked whether its shell is there. */
const KNOCK_MS = 200;
/** How long anything in a guest may take before a test gives up: emulation is slow, and so are machines at times. */
export const PATIENCE_MS = 900_000;

/** The shell at the other end of a guest's virtio port; see boot.sh. */
export class GuestShell implements AsyncDisposable {
  readonly #connection: LineConnection;
  /** One script at a time. */
  #last: Promise<unknown>;

  private constructor(connection: LineConnection) {
    this.#connection = connection;
    this.#last = this.#knock();
    // Whoever has it run something is told.
    this.#last.catch(() => {});
  }

  /** @param path of the socket that is the port's other end */
  static async connect(path: string): Promise<GuestShell> {
    return new GuestShell(await LineConnection.open(path));
  }

  /**
   * Runs a script in the guest.
   *
   * @returns what it puts out, standard error included, without the end of the last line
   * @throws {Error} with that, if its exit status is another one than 0, the guest ends, or it takes too long
   */
  run(script: string): Promise<string> {
    const output = this.#last.then(() => this.#run(script));
    this.#last = output.catch(() => {});
    return output;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  /** What is sent before somebody has opened the port may be lost. */
  async #knock(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#connection.onLine = (line) => line === "here" && resolve();
    this.#connection.ended.then(resolve);
    const timer = setInterval(() => this.#connection.send("\necho here\n"), KNOCK_MS);
    try {
      await within(PATIENCE_MS, promise, () => new Error("The guest's shell does not answer"));
    } finally {
      clearInterval(timer);
    }
  }

  async #run(script: string): Promise<string> {
    const mark = crypto.randomUUID();
    const output: string[] = [];
    let hasBegun = false;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#connection.onLine = (line) => {
      const [before = "", status] = line.split(`end ${mark} `);
      // The last line of the output may have no end.
      if (hasBegun && (status === undefined || before !== "")) output.push(before);
      if (status !== undefined) resolve(Number(status));
      hasBegun ||= line === `begin ${mark}`;
    };
    this.#connection.ended.then(() => reject(new Error(`The guest has ended during: ${script}`)));
    const quoted = script.replaceAll("'", `'\\''`);
    await this.#connection.send(
      `echo "begin ${mark}"; sh -c '${quoted}' </dev/null 2>&1; echo "end ${mark} $?"\n`,
    );
    const status = await within(
      PATIENCE_MS,
      promise,
      () => new Error(`Not done within ${PATIENCE_MS / 1000} s in the guest: ${script}`),
    );
    const text = output.join("\n");
    if (status !== 0) throw new Error(`Exit status ${status} in the guest: ${script}\n${text}`);
    return text;
  }
}
