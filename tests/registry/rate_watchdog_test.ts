import assert from "node:assert/strict";
import { RateWatchdog } from "../../src/registry/rate_watchdog.ts";

/** Runs `body` on a clock that moves only when it is told to. */
function onFakeClock(body: (advance: (ms: number) => void, timers: () => number) => void): void {
  const { setTimeout, clearTimeout } = globalThis;
  const { now: realNow } = performance;
  const timers = new Map<number, { due: number; callback: () => void }>();
  let now = 0;
  let lastId = 0;
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, ms: number) => {
      timers.set(++lastId, { due: now + ms, callback });
      return lastId;
    },
    clearTimeout: (id: number) => timers.delete(id),
  });
  performance.now = () => now;
  const advance = (ms: number) => {
    const end = now + ms;
    for (;;) {
      const next = [...timers].sort(([, a], [, b]) => a.due - b.due)[0];
      if (next === undefined || next[1].due > end) break;
      now = next[1].due;
      timers.delete(next[0]);
      next[1].callback();
    }
    now = end;
  };
  try {
    body(advance, () => timers.size);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = realNow;
  }
}

/** A watchdog that wants 100 bytes a second. */
function watch() {
  const result = { slow: 0, watchdog: new RateWatchdog({ bytes: 100, window: 1_000 }, bark) };
  function bark() {
    result.slow++;
  }
  return result;
}

Deno.test("RateWatchdog barks once if nothing comes", () =>
  onFakeClock((advance, timers) => {
    const result = watch();
    result.watchdog.wait();
    advance(999);
    assert.equal(result.slow, 0);
    advance(1);
    assert.equal(result.slow, 1);
    assert.equal(timers(), 0);
  }));

Deno.test("RateWatchdog barks at a drip that is too slow", () =>
  onFakeClock((advance) => {
    const result = watch();
    for (let i = 0; i < 9; i++) {
      result.watchdog.wait();
      advance(110);
      result.watchdog.receive(10);
    }
    result.watchdog.wait();
    assert.equal(result.slow, 0);
    advance(110);
    assert.equal(result.slow, 1);
  }));

Deno.test("RateWatchdog is content with a drip that is fast enough, however long", () =>
  onFakeClock((advance) => {
    const result = watch();
    for (let i = 0; i < 1_000; i++) {
      result.watchdog.wait();
      advance(90);
      result.watchdog.receive(10);
    }
    assert.equal(result.slow, 0);
  }));

Deno.test("RateWatchdog judges each window alone: what came before does not excuse silence", () =>
  onFakeClock((advance) => {
    const result = watch();
    result.watchdog.wait();
    advance(500);
    result.watchdog.receive(1_000_000);
    result.watchdog.wait();
    advance(1_499);
    assert.equal(result.slow, 0);
    advance(1);
    assert.equal(result.slow, 1);
  }));

Deno.test("RateWatchdog does not mistake a slow consumer for a slow server", () =>
  onFakeClock((advance) => {
    const result = watch();
    for (let i = 0; i < 5; i++) {
      result.watchdog.wait();
      advance(10);
      result.watchdog.receive(1);
      advance(60_000);
    }
    assert.equal(result.slow, 0);
  }));

Deno.test("RateWatchdog leaves no timer when it is stopped", () =>
  onFakeClock((advance, timers) => {
    const result = watch();
    result.watchdog.wait();
    result.watchdog.stop();
    assert.equal(timers(), 0);
    advance(10_000);
    assert.equal(result.slow, 0);
  }));
