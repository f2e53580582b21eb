import assert from "node:assert/strict";
import { LinkedAbort, unlessAborted } from "../../src/registry/linked_abort.ts";
import { countingSignal } from "./fixtures.ts";

const REASON = new Error("enough");

Deno.test("LinkedAbort is aborted with any of its parents, for the same reason", () => {
  for (const which of [0, 1]) {
    const parents = [new AbortController(), new AbortController()];
    using abort = new LinkedAbort(parents[0]?.signal, undefined, parents[1]?.signal);
    assert.equal(abort.signal.aborted, false);
    parents[which]?.abort(REASON);
    assert.equal(abort.signal.reason, REASON);
  }
});

Deno.test("LinkedAbort is aborted from the beginning if a parent is", () => {
  using abort = new LinkedAbort(new AbortController().signal, AbortSignal.abort(REASON));
  assert.equal(abort.signal.reason, REASON);
});

Deno.test("LinkedAbort does not abort its parents", () => {
  const parent = new AbortController();
  using abort = new LinkedAbort(parent.signal);
  abort.abort(REASON);
  assert.equal(abort.signal.reason, REASON);
  assert.equal(parent.signal.aborted, false);
});

Deno.test("LinkedAbort lets go of its parents when it is disposed of", () => {
  const { signal, listeners } = countingSignal();
  const abort = new LinkedAbort(signal);
  assert.equal(listeners.size, 1);
  abort[Symbol.dispose]();
  assert.equal(listeners.size, 0);
});

Deno.test("unlessAborted gives what the promise gives, and lets go of the signal", async () => {
  const { signal, listeners } = countingSignal();
  assert.equal(await unlessAborted(Promise.resolve(1), signal), 1);
  assert.equal(await unlessAborted(Promise.resolve(2)), 2);
  await assert.rejects(
    unlessAborted(Promise.reject(REASON), signal),
    (error) => error === REASON,
  );
  assert.equal(listeners.size, 0);
});

Deno.test("unlessAborted does not wait longer than its signal allows", async () => {
  const never = new Promise<never>(() => {});
  const abort = new AbortController();
  const waiting = unlessAborted(never, abort.signal);
  abort.abort(REASON);
  await assert.rejects(waiting, (error) => error === REASON);
  await assert.rejects(unlessAborted(never, abort.signal), (error) => error === REASON);
});
