/**
 * An answer that stops in the middle of its body: whoever reads it waits, until it goes on or the connection is closed. It
 * catches a pull half-way, for as long as a test needs.
 */
export class StalledResponse {
  readonly #stalled = Promise.withResolvers<void>();
  readonly #resumed = Promise.withResolvers<void>();
  readonly #whole: Uint8Array<ArrayBuffer>;
  readonly #part: number;

  /**
   * @param whole the body
   * @param part the share of it that comes at once, 0 to 1
   */
  constructor(whole: Uint8Array, part: number) {
    this.#whole = whole.slice();
    this.#part = Math.floor(whole.length * part);
  }

  /** Resolves once a reader has got what it gets, and waits for more. */
  get stalled(): Promise<void> {
    return this.#stalled.promise;
  }

  /** Lets it go on, and every later one come at once. */
  resume(): void {
    this.#resumed.resolve();
  }

  /** Makes the answer. */
  make(): Response {
    const whole = this.#whole;
    const closed = Promise.withResolvers<"closed">();
    let at = 0;
    const body = new ReadableStream({
      pull: async (controller) => {
        if (at === whole.length) return controller.close();
        const end = at < this.#part ? this.#part : whole.length;
        if (at === this.#part) {
          this.#stalled.resolve();
          if (await Promise.race([this.#resumed.promise, closed.promise]) === "closed") return;
        }
        controller.enqueue(whole.subarray(at, end));
        at = end;
      },
      cancel: () => closed.resolve("closed"),
    });
    return new Response(body, { headers: { "content-length": String(whole.length) } });
  }
}
