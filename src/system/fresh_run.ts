/**
 * Something that is done once at a time. What is being done may rest on what was there before somebody asked for it: whoever asks
 * meanwhile gets the next run, all together.
 */
export class FreshRun {
  readonly #action: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param action what is done; it does not fail */
  constructor(action: () => Promise<void>) {
    this.#action = action;
  }

  /** Does it, beginning now or as soon as what is under way is over. */
  run(): Promise<void> {
    if (this.#running === undefined) {
      return this.#running = this.#action().finally(() => this.#running = undefined);
    }
    return this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.run();
    });
  }
}
