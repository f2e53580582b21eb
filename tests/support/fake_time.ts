/** What one call of `setTimeout` or `setInterval` waits for. */
interface Timer {
  due: number;
  readonly action: () => void;
  /** Milliseconds between two calls; undefined for a timeout. */
  readonly interval: number | undefined;
}

/** Longer delays become 1 ms (HTML, timer initialisation steps; 2^31 - 1 ms is 24 days). */
const LONGEST_DELAY = 2 ** 31 - 1;

/**
 * Takes the place of the global timers and clocks until it is disposed of. Time passes only when a test says so; promises
 * are settled in between, by going once round the real event loop.
 *
 * Only what rests on promises and timers can be tested with it, not what waits for files, sockets or processes.
 */
export class FakeTime implements Disposable {
  readonly #timers = new Map<number, Timer>();
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    Date: globalThis.Date,
  };
  #lastId = 0;
  /** Milliseconds since this was made: the monotonic clock. */
  #elapsed = 0;
  /** Milliseconds since the epoch when the monotonic clock was 0. */
  #epoch: number;

  /** @param start what the wall clock shows at first (ISO 8601) */
  constructor(start = "2030-01-01T00:00:00.000Z") {
    this.#epoch = this.#real.Date.parse(start);
    const add = (action: () => void, delay = 0, repeat: boolean): number => {
      const effective = delay > LONGEST_DELAY ? 1 : Math.max(0, delay);
      const interval = repeat ? Math.max(1, effective) : undefined;
      this.#timers.set(++this.#lastId, { due: this.#elapsed + effective, action, interval });
      return this.#lastId;
    };
    const remove = (id?: number) => void this.#timers.delete(id ?? 0);
    Object.assign(globalThis, {
      setTimeout: (action: () => void, delay?: number) => add(action, delay, false),
      setInterval: (action: () => void, delay?: number) => add(action, delay, true),
      clearTimeout: remove,
      clearInterval: remove,
      Date: this.#fakeDate(),
    });
    performance.now = () => this.#elapsed;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
    // What shines through again is the prototype's.
    Reflect.deleteProperty(performance, "now");
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets everything go on that waits for nothing but promises. */
  settle(): Promise<void> {
    return new Promise((resolve) => this.#real.setTimeout(resolve, 0));
  }

  /** Lets time pass: every timer that falls due is called at its time, one after the other. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await this.settle();
    for (let next = this.#nextBefore(end); next !== undefined; next = this.#nextBefore(end)) {
      const [id, timer] = next;
      this.#elapsed = Math.max(this.#elapsed, timer.due);
      if (timer.interval === undefined) this.#timers.delete(id);
      else timer.due += timer.interval;
      timer.action();
      await this.settle();
    }
    this.#elapsed = end;
  }

  /** Lets time pass in which nothing else has its turn, as a computation does. */
  spend(ms: number): void {
    this.#elapsed += ms;
  }

  /** Sets the wall clock forward or back, as somebody who corrects it does; timers and the monotonic clock go on. */
  setClock(by: number): void {
    this.#epoch += by;
  }

  #nextBefore(end: number): [number, Timer] | undefined {
    return [...this.#timers]
      .filter(([, { due }]) => due <= end)
      .sort(([idA, a], [idB, b]) => a.due - b.due || idA - idB)[0];
  }

  #fakeDate(): DateConstructor {
    const now = () => this.#epoch + this.#elapsed;
    return class FakeDate extends this.#real.Date {
      constructor(...args: [] | [string | number]) {
        super(args.length === 0 ? now() : args[0]);
      }

      static override now(): number {
        return now();
      }
    } as unknown as DateConstructor;
  }
}
