import assert from "node:assert/strict";
import { backoffMs } from "../../src/container/backoff.ts";

const NO_JITTER = 0.5;

for (
  const [failures, seconds] of [
    [1, 1],
    [2, 2],
    [3, 4],
    [4, 8],
    [9, 256],
    [10, 300],
    [11, 300],
    [1_000, 300],
    [1e9, 300],
  ] as const
) {
  Deno.test(`back-off takes ${seconds} s after ${failures} failures`, () => {
    assert.equal(backoffMs(failures, NO_JITTER), seconds * 1000);
  });
}

Deno.test("back-off varies by a fifth in both directions", () => {
  assert.equal(backoffMs(1, 0), 800);
  assert.equal(backoffMs(1, 1), 1200);
  assert.equal(backoffMs(100, 0), 240_000);
  assert.equal(backoffMs(100, 1), 360_000);
});
