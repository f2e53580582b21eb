import assert from "node:assert/strict";
import { settlesWithin } from "../../src/system/within.ts";
import { FakeTime } from "../support/fake_time.ts";

const never = new Promise<never>(() => {});

for (
  const [name, promise] of [
    ["kept", () => Promise.resolve("x")],
    ["broken", () => Promise.reject(new Error("x"))],
  ] as const
) {
  Deno.test(`a promise that is ${name} is not waited for any longer`, async () => {
    using time = new FakeTime();
    assert.equal(await settlesWithin(1000, promise()), true);
    assert.equal(time.pending, 0);
  });
}

Deno.test("what takes too long is not waited for", async () => {
  using time = new FakeTime();
  let isOver = false;
  const waiting = settlesWithin(1000, never).finally(() => isOver = true);
  await time.advance(999);
  assert.equal(isOver, false);
  await time.advance(1);
  assert.equal(await waiting, false);
  assert.equal(time.pending, 0);
});

Deno.test("what has come while this process stood still is not too late", async () => {
  using time = new FakeTime();
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = settlesWithin(1000, promise);
  // A timer that is overdue is called first.
  time.spend(60_000);
  setTimeout(resolve, 1);
  await time.advance(1);
  assert.equal(await waiting, true);
});
