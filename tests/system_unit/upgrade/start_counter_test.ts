import assert from "node:assert/strict";
import { type CountBlock, StartCounter } from "../../../src/system/upgrade/start_counter.ts";
import { CapturedLog } from "../../support/captured_log.ts";
import { FakeTime } from "../../support/fake_time.ts";
import { fakeDigest } from "../../support/fake_containers.ts";

const [a, b] = [fakeDigest("a"), fakeDigest("b")];

/** A block of a disk. */
class MemoryBlock implements CountBlock {
  bytes = new Uint8Array(512);
  read(): Promise<Uint8Array> {
    return Promise.resolve(this.bytes.slice());
  }
  write(block: Uint8Array): Promise<void> {
    assert.equal(block.length, 512);
    this.bytes = block.slice();
    return Promise.resolve();
  }
}

Deno.test("starts of an image are counted until it has shown that it runs", async () => {
  using log = new CapturedLog();
  const block = new MemoryBlock();
  // Each system has a counter of its own: only what is in the block is left of the one before.
  const counter = () => new StartCounter(() => block);
  assert.equal(await counter().starts(a), 0);
  assert.equal(await counter().add(a), `start 1 of ${a}`);
  assert.equal(await counter().add(a), `start 2 of ${a}`);
  assert.equal(await counter().starts(a), 2);
  await counter().confirm(a);
  assert.equal(await counter().starts(a), 0);
  assert.deepEqual(block.bytes, new Uint8Array(512));
  assert.deepEqual(log.lines(), [
    `info    upgrade: This system runs: its starts are no longer counted digest=${a}`,
  ]);
  await counter().confirm(a);
  assert.equal(log.lines().length, 1, "what is not counted is not said");
});

Deno.test("another image is counted from its own first start", async () => {
  const block = new MemoryBlock();
  const counter = new StartCounter(() => block);
  await counter.add(a);
  await counter.add(a);
  assert.equal(await counter.starts(b), 0);
  await counter.add(b);
  assert.deepEqual([await counter.starts(a), await counter.starts(b)], [0, 1]);
  await counter.confirm(a);
  assert.equal(await counter.starts(b), 1, "what shows that it runs is not what was started last");
});

Deno.test("a machine without a place for the count starts whatever it is told", async () => {
  const counter = new StartCounter(() => undefined);
  assert.equal(await counter.add(a), "no disk of this machine has a place for it");
  assert.equal(await counter.starts(a), 0);
  await counter.confirm(a);
});

for (
  const text of [
    "",
    "\0".repeat(512),
    "null",
    "7",
    "[]",
    "{",
    `{"digest":"${a}"}`,
    `{"digest":"${a}","starts":"2"}`,
    `{"digest":"${a}","starts":1.5}`,
    `{"digest":"sha256:a","starts":2}`,
    `{"starts":2}`,
    "\xff\xfe",
  ]
) {
  Deno.test(`what is no count counts as none: ${JSON.stringify(text.replaceAll(a, "A").slice(0, 40))}`, async () => {
    const block = new MemoryBlock();
    block.bytes.fill(0x20).set(new TextEncoder().encode(text));
    const counter = new StartCounter(() => block);
    assert.equal(await counter.starts(a), 0);
    await counter.add(a);
    assert.equal(await counter.starts(a), 1);
  });
}

Deno.test("a disk that fails keeps nothing from being started, and is said to", async () => {
  using log = new CapturedLog();
  const counter = new StartCounter(() => {
    throw new Error("Input/output error (os error 5)");
  });
  assert.equal(await counter.starts(a), 0);
  await counter.confirm(a);
  const line =
    "warning upgrade: The starts of the next system cannot be counted: Input/output error (os error 5)";
  assert.deepEqual(log.lines(), [line, line]);
  // The phase that it is called in says it.
  await assert.rejects(() => counter.add(a), /Input\/output error/);
});

Deno.test("a disk that does not answer is not waited for for ever", async () => {
  using time = new FakeTime();
  using log = new CapturedLog();
  const never = () => new Promise<never>(() => {});
  const counter = new StartCounter(() => ({ read: never, write: never }));
  const starts = counter.starts(a);
  await time.advance(10_000);
  assert.equal(await starts, 0);
  const added = assert.rejects(counter.add(a), /^Error: The disk has not answered within 10 s$/);
  await time.advance(10_000);
  await time.advance(10_000);
  await added;
  const line =
    "warning upgrade: The starts of the next system cannot be counted: The disk has not answered within 10 s";
  assert.deepEqual(log.lines(), [line, line]);
});
