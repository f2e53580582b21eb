import assert from "node:assert/strict";
import { BoundedWriter } from "../../src/log/bounded_writer.ts";
import { FakeTime } from "../support/fake_time.ts";

const MIB = 1 << 20;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Takes bytes when the test lets it, and remembers them. */
class FakeTarget {
  text = "";
  /** How many bytes it takes at a time at most. */
  atOnce = Infinity;
  /** What it fails with. */
  error: Error | undefined;
  /** While set, it takes nothing. */
  gate: Promise<void> | undefined;

  async write(chunk: Uint8Array): Promise<number> {
    await this.gate;
    if (this.error !== undefined) throw this.error;
    const taken = chunk.subarray(0, this.atOnce);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }

  /** Keeps it from taking anything. */
  block(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gate = promise;
    return resolve;
  }
}

Deno.test("lines are written in order", async () => {
  const target = new FakeTarget();
  const writer = new BoundedWriter(target);
  for (let i = 0; i < 5; i++) writer.write(bytes(`${i}\n`));
  await writer.flush();
  assert.equal(target.text, "0\n1\n2\n3\n4\n");
});

Deno.test("a target that takes a few bytes at a time gets all of them", async () => {
  const target = new FakeTarget();
  target.atOnce = 3;
  const writer = new BoundedWriter(target);
  writer.write(bytes("Hello, wörld\n"));
  writer.write(bytes("again\n"));
  await writer.flush();
  assert.equal(target.text.length, "Hello, wörld\nagain\n".length + 1, "ö was cut in two");
});

Deno.test("flush has nothing to wait for when nothing was written", async () => {
  await new BoundedWriter(new FakeTarget()).flush();
});

Deno.test("a line that comes at whatever moment is written", async () => {
  // The moment at which the writer has written everything and goes to rest is some microtasks after the last write.
  for (let moment = 0; moment < 20; moment++) {
    const target = new FakeTarget();
    const writer = new BoundedWriter(target);
    writer.write(bytes("first\n"));
    for (let i = 0; i < moment; i++) await Promise.resolve();
    writer.write(bytes("last\n"));
    await writer.flush();
    assert.equal(target.text, "first\nlast\n", `after ${moment} microtasks`);
  }
});

Deno.test("lines that nobody reads in time are dropped, and counted in the log", async () => {
  const target = new FakeTarget();
  const writer = new BoundedWriter(target);
  const release = target.block();
  writer.write(bytes("in flight\n"));
  await Promise.resolve();
  const line = bytes("x".repeat(1023) + "\n");
  for (let i = 0; i < 1024 + 7; i++) writer.write(line);
  release();
  await writer.flush();
  const lines = target.text.split("\n");
  assert.equal(lines[0], "in flight");
  assert.equal(lines.filter((line) => line.startsWith("xxx")).length, 1024);
  assert.match(
    lines.at(-2)!,
    /^\d{4}-\S+Z warning log: 7 lines dropped: nobody read them in time$/,
  );
  assert.equal(lines.at(-1), "");

  writer.write(bytes("after\n"));
  await writer.flush();
  assert(target.text.endsWith("in time\nafter\n"), "they are counted once");
});

Deno.test("a target that fails at once does not silence the log for good", async () => {
  let text = "";
  const writer = new BoundedWriter({
    write: (chunk) => {
      if (text === "") {
        text = "failed, ";
        throw new Error("broken");
      }
      text += new TextDecoder().decode(chunk);
      return Promise.resolve(chunk.length);
    },
  });
  writer.write(bytes("lost\n"));
  await writer.flush();
  writer.write(bytes("taken\n"));
  await writer.flush();
  assert.equal(text, "failed, taken\n");
});

Deno.test("a line that can never fit is dropped, and the next one is not", async () => {
  const target = new FakeTarget();
  const writer = new BoundedWriter(target);
  writer.write(new Uint8Array(MIB + 1));
  writer.write(bytes("next\n"));
  await writer.flush();
  assert.match(target.text, /^\S+ warning log: 1 lines dropped.*\nnext\n$/);
});

Deno.test("a broken target is no error, and is tried again with the next line", async () => {
  const target = new FakeTarget();
  const writer = new BoundedWriter(target);
  target.error = new Deno.errors.BrokenPipe("gone");
  writer.write(bytes("lost\n"));
  await writer.flush();
  writer.write(bytes("lost, too\n"));
  await writer.flush();
  target.error = undefined;
  writer.write(bytes("taken\n"));
  await writer.flush();
  assert.equal(target.text, "taken\n");
});

Deno.test("a target that breaks in the middle of a line loses no room for later ones", async () => {
  const target = new FakeTarget();
  const writer = new BoundedWriter(target);
  for (let i = 0; i < 3; i++) {
    const release = target.block();
    writer.write(bytes("in flight\n"));
    await Promise.resolve();
    writer.write(new Uint8Array(MIB));
    target.error = new Error("broken");
    release();
    await writer.flush();
  }
  target.error = undefined;
  target.gate = undefined;
  writer.write(bytes("x".repeat(MIB - 1) + "\n"));
  await writer.flush();
  assert.equal(target.text.length, MIB);
});

Deno.test("flush gives up on a target that takes nothing any more", async () => {
  using time = new FakeTime();
  const target = new FakeTarget();
  const writer = new BoundedWriter(target);
  target.block();
  writer.write(bytes("never read\n"));
  let flushed = false;
  const flush = writer.flush().then(() => flushed = true);
  await time.advance(1000);
  assert.equal(flushed, false);
  await time.advance(10_000);
  assert.equal(flushed, true);
  await flush;
});

Deno.test("flush leaves no timer behind", async () => {
  using time = new FakeTime();
  const writer = new BoundedWriter(new FakeTarget());
  writer.write(bytes("line\n"));
  await writer.flush();
  assert.equal(time.pending, 0);
});
