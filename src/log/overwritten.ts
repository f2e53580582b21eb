import { getLogger } from "@logtape/logtape";

const logger = getLogger(["frontloader", "kernel"]);

/** From one line about it to the next. */
const INTERVAL_MS = 1_000;

/**
 * Says how many messages of the kernel were overwritten before they were read: the first at once, further ones in one line a
 * second. A flood overwrites some again and again, and a line each time would add to it.
 */
export class OverwrittenMessages implements Disposable {
  #missing = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param missing how many; 0 is none */
  add(missing: number): void {
    this.#missing += missing;
    if (this.#timer === undefined) this.#say();
  }

  /** Says what has not been said yet. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#log();
  }

  #say(): void {
    if (!this.#log()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#say();
    }, INTERVAL_MS);
  }

  /** False if there is nothing to say. */
  #log(): boolean {
    const missing = this.#missing;
    if (missing === 0) return false;
    this.#missing = 0;
    logger.warn("{missing} messages dropped: they were overwritten before they were read", {
      missing,
    });
    return true;
  }
}
