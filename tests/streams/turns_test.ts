import assert from "node:assert/strict";
import { type Source, takeInTurns, TURN_MS } from "../../src/streams/turns.ts";
import { FakeTime } from "../support/fake_time.ts";

let tests = 0;

/** A clock that is so far on that nothing is left to be made up for of what an earlier test has taken. */
function laterTime(): FakeTime {
  const time = new FakeTime();
  time.spend(++tests * 3_600_000);
  return time;
}

/** Where there is always something to take, each piece of which takes some milliseconds. */
class Flood implements Source {
  taken = 0;
  readonly #time: FakeTime;
  readonly #pieceMs: number;
  /** How many pieces there are at a time, before it has to be waited for the next ones. */
  readonly #atATime: number;
  #there = 0;

  constructor(time: FakeTime, pieceMs: number, atATime = Infinity) {
    this.#time = time;
    this.#pieceMs = pieceMs;
    this.#atATime = atATime;
  }

  readable(): Promise<void> {
    this.#there = this.#atATime;
    return Promise.resolve();
  }

  takeOne(): boolean {
    if (this.#there === 0) return false;
    // It would never end if others got no turn at all.
    if (this.taken === 10_000) throw new Error("nobody else has a turn");
    this.#there--;
    this.#time.spend(this.#pieceMs);
    this.taken++;
    return true;
  }
}

for (
  const [name, pieceMs, atATime] of [
    ["much at a time", 1, Infinity],
    ["small pieces", 0.25, Infinity],
    ["pieces that come one by one", 1, 1],
    ["pieces that take longer than a turn", 3 * TURN_MS, Infinity],
  ] as const
) {
  Deno.test(`a source of ${name} gets half of the time at most, and others have a turn soon`, async () => {
    using time = laterTime();
    const flood = new Flood(time, pieceMs, atATime);
    const ending = new AbortController();
    const others: number[] = [];
    const timer = setInterval(() => others.push(performance.now()), 1);
    const start = performance.now();
    const end = takeInTurns(flood, ending.signal);
    await time.advance(300);
    ending.abort();
    const elapsed = performance.now() - start;
    clearInterval(timer);
    await time.advance(100);
    await end;

    const share = flood.taken * pieceMs / elapsed;
    assert(0.3 <= share && share <= 0.55, `${share}`);
    const waits = others.map((at, i) => at - (others[i - 1] ?? start));
    const longest = Math.max(...waits);
    assert(longest <= Math.max(TURN_MS, pieceMs) + 1, `${longest} ms`);
  });
}

Deno.test("several sources get half of the time together, and each gets some", async () => {
  using time = laterTime();
  const floods = [1, 1, 1].map((pieceMs) => new Flood(time, pieceMs));
  const ending = new AbortController();
  const start = performance.now();
  const ends = floods.map((flood) => takeInTurns(flood, ending.signal));
  await time.advance(300);
  ending.abort();
  const elapsed = performance.now() - start;
  await time.advance(100);
  await Promise.all(ends);

  const taken = floods.map((flood) => flood.taken);
  const share = taken.reduce((sum, count) => sum + count) / elapsed;
  assert(0.45 <= share && share <= 0.55, `${share}`);
  assert(Math.min(...taken) > 0.8 * Math.max(...taken), `${taken}`);
});

Deno.test("what is taken so seldom that it takes no time is not kept waiting", async () => {
  using time = laterTime();
  const ending = new AbortController();
  let coming = Promise.withResolvers<void>();
  let there = false;
  const taken: number[] = [];
  const end = takeInTurns({
    readable: () => coming.promise,
    takeOne() {
      if (there) taken.push(performance.now());
      else coming = Promise.withResolvers();
      return there && !(there = false);
    },
  }, ending.signal);
  const sent: number[] = [];
  for (let count = 0; count < 10; count++) {
    await time.advance(10);
    sent.push(performance.now());
    there = true;
    coming.resolve();
    await time.settle();
  }
  ending.abort();
  coming.resolve();
  await end;
  assert.deepEqual(taken, sent);
});

Deno.test("nothing is taken after it was told to end", async () => {
  using time = laterTime();
  const ending = new AbortController();
  const flood = new Flood(time, 1);
  const takeOne = flood.takeOne.bind(flood);
  flood.takeOne = () => {
    const took = takeOne();
    if (flood.taken === 3) ending.abort();
    return took;
  };
  await takeInTurns(flood, ending.signal);
  assert.equal(flood.taken, 3);
});
