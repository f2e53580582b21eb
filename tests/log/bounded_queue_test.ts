import assert from "node:assert/strict";
import { BoundedQueue } from "../../src/log/bounded_queue.ts";

/** A queue of texts of 10 characters together. */
function newQueue(): BoundedQueue<string> {
  return new BoundedQueue({
    maxBytes: 10,
    sizeOf: ({ length }) => length,
    note: (dropped) => `-${dropped}`,
  });
}

Deno.test("items come out in their order, and stay until they are removed", () => {
  const queue = newQueue();
  for (const item of ["a", "b", "c"]) queue.push(item);
  assert.deepEqual(queue.peek(), ["a", "b", "c"]);
  queue.remove(2);
  assert.deepEqual(queue.peek(), ["c"]);
  queue.remove(1);
  assert.equal(queue.isEmpty, true);
});

Deno.test("a part of the items is had by their bytes, one at least", () => {
  const queue = newQueue();
  for (const item of ["aaaa", "bb", "cc"]) queue.push(item);
  assert.deepEqual(queue.peek(6), ["aaaa", "bb"]);
  assert.deepEqual(queue.peek(5), ["aaaa"]);
  assert.deepEqual(queue.peek(1), ["aaaa"]);
});

Deno.test("what does not fit is dropped, and a note stands where it is missing", () => {
  const queue = newQueue();
  for (const item of ["aaaaa", "bbbbb", "x", "y"]) queue.push(item);
  assert.deepEqual(queue.peek(5), ["aaaaa"], "the note is not due yet");
  queue.remove(1);
  queue.push("z");
  queue.remove(1);
  queue.push("c");
  assert.deepEqual(queue.peek(), ["-3", "c"]);
});

Deno.test("a note comes, too, when nothing comes after what was dropped", () => {
  const queue = newQueue();
  queue.push("aaaaaaaaaa");
  queue.push("x");
  queue.remove(1);
  assert.equal(queue.isEmpty, false);
  assert.deepEqual(queue.peek(), ["-1"]);
});

Deno.test("once something was dropped, half of the room has to be free again: notes must not come one by one", () => {
  const queue = newQueue();
  for (const item of ["aaa", "aaa", "aaa", "xx"]) queue.push(item);
  queue.remove(1);
  queue.push("yyyy");
  queue.remove(1);
  queue.push("bb");
  assert.deepEqual(queue.peek(), ["aaa", "-2", "bb"]);
});

Deno.test("clearing forgets the items, and not what was dropped before", () => {
  const queue = newQueue();
  queue.push("aaaaaaaaaa");
  queue.push("x");
  queue.clear();
  assert.deepEqual(queue.peek(), ["-1"]);
});
