/** How requests under a steady load were answered. */
export interface LoadResult {
  /** By the text of the answer. */
  readonly answers: ReadonlyMap<string, number>;
  /** What became of those that had no good answer. */
  readonly failures: readonly string[];
}

/** A steady load of requests, each on a connection of its own, until it is stopped. */
export class RequestLoad {
  readonly #answers = new Map<string, number>();
  readonly #failures: string[] = [];
  readonly #stopped = new AbortController();
  readonly #workers: Promise<void>[];

  /** @param urls one worker asks each of them, every few milliseconds */
  constructor(urls: readonly string[]) {
    this.#workers = urls.map((url) => this.#ask(url));
  }

  /** How many were answered with this text so far. */
  count(text: string): number {
    return this.#answers.get(text) ?? 0;
  }

  /** Stops asking; what is under way is still waited for. */
  async stop(): Promise<LoadResult> {
    this.#stopped.abort();
    await Promise.all(this.#workers);
    return { answers: this.#answers, failures: this.#failures };
  }

  async #ask(url: string): Promise<void> {
    // No connection is kept for another request: a new one is what may go to a server that is about to end.
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    while (!this.#stopped.signal.aborted) {
      try {
        const response = await fetch(url, { client });
        const text = await response.text();
        if (!response.ok) throw new Error(`status ${response.status}: ${text}`);
        this.#answers.set(text, this.count(text) + 1);
      } catch (error) {
        this.#failures.push(`${new Date().toISOString()} ${error}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
