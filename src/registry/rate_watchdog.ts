/** The slowest transfer that is put up with. */
export interface MinimumRate {
  readonly bytes: number;
  /** Milliseconds in which that many bytes must come. */
  readonly window: number;
}

/**
 * Notices a transfer that is too slow. Only the time spent waiting for bytes counts, so a slow consumer is not mistaken
 * for a slow server. There is one timer a window, not one a chunk.
 */
export class RateWatchdog {
  readonly #minimum: MinimumRate;
  readonly #onSlow: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waitingSince: number | undefined;
  #waited = 0;
  #bytes = 0;

  constructor(minimum: MinimumRate, onSlow: () => void) {
    this.#minimum = minimum;
    this.#onSlow = onSlow;
  }

  /** A read begins. */
  wait(): void {
    this.#waitingSince = performance.now();
    this.#timer ??= this.#arm();
  }

  /** The read brought so many bytes. */
  receive(bytes: number): void {
    if (this.#waitingSince === undefined) return;
    this.#waited += performance.now() - this.#waitingSince;
    this.#waitingSince = undefined;
    this.#bytes += bytes;
  }

  /** The transfer has ended. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitingSince = undefined;
  }

  #arm() {
    return setTimeout(this.#check, Math.max(this.#minimum.window - this.#waited, 1));
  }

  #check = (): void => {
    this.#timer = undefined;
    if (this.#waitingSince === undefined) return; // the consumer is at work; the next read arms it again
    const now = performance.now();
    this.#waited += now - this.#waitingSince;
    this.#waitingSince = now;
    if (this.#waited >= this.#minimum.window) {
      if (this.#bytes < this.#minimum.bytes) return this.#onSlow();
      this.#waited = 0;
      this.#bytes = 0;
    }
    this.#timer = this.#arm();
  };
}
