import assert from "node:assert/strict";
import type { SyslogSettings } from "../../../src/config/settings.ts";
import type { SyslogConnection } from "../../../src/log/syslog/connection.ts";
import type { SyslogMessage } from "../../../src/log/syslog/rfc5424.ts";
import { SyslogTarget } from "../../../src/log/syslog/target.ts";
import { CapturedLog } from "../../support/captured_log.ts";
import { FakeTime } from "../../support/fake_time.ts";

const settings: SyslogSettings = { host: "logs", port: 514, transport: "tcp", level: "info" };

function message(text: string, severity = 6): SyslogMessage {
  const none = { hostname: "", appName: "", procId: "", msgId: "", structuredData: "" };
  return { facility: 3, severity, timestamp: 0, text, ...none };
}

/** A connection that takes what the test lets it take. */
class FakeConnection implements SyslogConnection {
  isAnswered = true;
  readonly #broken = Promise.withResolvers<unknown>();
  isClosed = false;
  /** How many messages it takes yet. */
  room = Infinity;
  readonly #received: string[];

  constructor(received: string[]) {
    this.#received = received;
  }

  get broken(): Promise<unknown> {
    return this.#broken.promise;
  }

  send(messages: readonly Uint8Array[]): Promise<number> {
    const taken = messages.slice(0, this.room);
    this.room -= taken.length;
    for (const bytes of taken) {
      this.#received.push(new TextDecoder().decode(bytes).replace(/^.* - - - - - /, ""));
    }
    if (taken.length < messages.length) this.fail("reset");
    return Promise.resolve(taken.length);
  }

  fail(reason: string): void {
    this.#broken.resolve(new Error(reason));
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** A target whose receiver is the test's own. */
class Bench implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  readonly received: string[] = [];
  readonly connections: FakeConnection[] = [];
  /** When it was tried to connect. */
  readonly tries: number[] = [];
  /** Why no connection can be had. */
  error: Error | undefined;
  /** How long it takes until that is known. */
  delayMs = 0;
  isAnswered = true;
  readonly target: SyslogTarget;

  constructor(changes: Partial<SyslogSettings> = {}) {
    this.target = new SyslogTarget({ ...settings, ...changes }, {
      open: async () => {
        this.tries.push(performance.now());
        const { delayMs } = this;
        if (delayMs > 0) await new Promise<void>((resolve) => setTimeout(resolve, delayMs));
        if (this.error !== undefined) throw this.error;
        const connection = new FakeConnection(this.received);
        connection.isAnswered = this.isAnswered;
        this.connections.push(connection);
        return connection;
      },
      noteDropped: (dropped) => message(`dropped ${dropped}`, 4),
    });
  }

  async take(...texts: string[]): Promise<void> {
    for (const text of texts) this.target.take(message(text));
    await this.time.settle();
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }
}

Deno.test("messages arrive in their order", async () => {
  using bench = new Bench();
  await bench.take("a", "b");
  await bench.take("c");
  assert.deepEqual(bench.received, ["a", "b", "c"]);
  assert.equal(bench.connections.length, 1);
  await bench.target.close();
  assert(bench.connections[0]!.isClosed);
  assert.equal(bench.time.pending, 0);
  assert.deepEqual(bench.log.lines(), []);
});

Deno.test("what is less important than the target's level is not for it", async () => {
  using bench = new Bench({ level: "err" });
  for (let severity = 0; severity < 8; severity++) {
    bench.target.take(message(String(severity), severity));
  }
  await bench.time.settle();
  assert.deepEqual(bench.received, ["0", "1", "2", "3"]);
  await bench.target.close();
});

Deno.test("a target that cannot be reached is tried again with back-off, and gets what has waited", async () => {
  using bench = new Bench();
  await bench.time.settle();
  bench.error = new Error("refused");
  bench.connections[0]!.fail("gone");
  await bench.take("a");
  await bench.time.advance(600_000);
  const waits = bench.tries.slice(1).map((at, index) => at - bench.tries[index]!);
  assert(waits[0]! >= 800 && waits[0]! <= 1200, `${waits}`);
  assert(waits[3]! >= 6400 && waits[3]! <= 9600, `${waits}`);
  assert(Math.max(...waits) <= 60_000, `${waits}`);
  assert(waits.length > 10, `${waits}`);
  bench.error = undefined;
  await bench.take("b");
  await bench.time.advance(60_000);
  assert.deepEqual(bench.received, ["a", "b"]);
  assert.deepEqual(bench.log.lines(), [
    "error   syslog: Cannot reach tcp://logs:514: gone; what is for it waits, and it is tried again",
    "info    syslog: tcp://logs:514 takes messages again",
  ]);
  await bench.target.close();
});

Deno.test("a target that takes long to say no is not asked more often for it", async () => {
  using bench = new Bench();
  await bench.time.settle();
  bench.error = new Error("timed out");
  bench.delayMs = 15_000;
  bench.connections[0]!.fail("gone");
  await bench.time.advance(600_000);
  const waits = bench.tries.slice(1).map((at, index) => at - bench.tries[index]!);
  assert(waits.at(-1)! > 60_000, `${waits}`);
  const closing = bench.target.close();
  await bench.time.advance(60_000);
  await closing;
});

Deno.test("a message that was not taken as a whole is sent again", async () => {
  using bench = new Bench();
  await bench.time.settle();
  bench.connections[0]!.room = 2;
  await bench.take("a", "b", "c", "d");
  assert.deepEqual(bench.received, ["a", "b"]);
  await bench.time.advance(2_000);
  assert.deepEqual(bench.received, ["a", "b", "c", "d"]);
  await bench.target.close();
});

Deno.test("where nobody answers, that somebody is there again is said when something was sent", async () => {
  using bench = new Bench({ transport: "udp" });
  bench.isAnswered = false;
  await bench.time.settle();
  bench.connections[0]!.fail("unreachable");
  await bench.time.advance(5_000);
  assert.equal(bench.connections.length, 2);
  assert.deepEqual(bench.log.lines("takes messages again"), []);
  await bench.take("a");
  assert.equal(bench.log.lines("udp://logs:514 takes messages again").length, 1);
  await bench.target.close();
});

Deno.test("a dead target costs bounded memory, and says how many messages it has missed", async () => {
  using bench = new Bench();
  await bench.time.settle();
  bench.error = new Error("refused");
  bench.connections[0]!.fail("gone");
  await bench.time.settle();
  const text = "x".repeat(8000);
  for (let i = 0; i < 1000; i++) bench.target.take(message(`${i} ${text}`));
  bench.error = undefined;
  await bench.time.advance(60_000);
  const kept = bench.received.length - 1;
  assert(kept > 100 && kept * 8000 <= 1 << 20, `${kept}`);
  assert.equal(bench.received.at(-1), `dropped ${1000 - kept}`);
  assert.equal(bench.received[kept - 1]!.split(" ")[0], String(kept - 1), "the oldest are kept");
  await bench.take("after");
  assert.equal(bench.received.at(-1), "after");
  await bench.target.close();
});

Deno.test("closing tries a dead target once more, at once", async () => {
  using bench = new Bench();
  await bench.time.settle();
  bench.error = new Error("refused");
  bench.connections[0]!.fail("gone");
  await bench.take("a");
  bench.error = undefined;
  await bench.target.close();
  assert.deepEqual(bench.received, ["a"]);
  assert.equal(bench.time.pending, 0);
});

Deno.test("closing a target that stays dead says that it has not got everything", async () => {
  using bench = new Bench();
  await bench.time.settle();
  bench.error = new Error("refused");
  bench.connections[0]!.fail("gone");
  await bench.take("a");
  await bench.target.close();
  assert.match(bench.log.lines().at(-1)!, /tcp:\/\/logs:514 has not taken everything/);
});

Deno.test("closing does not wait for a target that takes nothing any more", async () => {
  using bench = new Bench();
  await bench.time.settle();
  const connection = bench.connections[0]!;
  const { promise, resolve } = Promise.withResolvers<number>();
  connection.send = () => promise;
  const close = connection.close.bind(connection);
  connection.close = () => (resolve(0), connection.fail("closed"), close());
  await bench.take("a");
  let isClosed = false;
  const closing = bench.target.close().then(() => isClosed = true);
  await bench.time.advance(4_000);
  assert.equal(isClosed, false);
  await bench.time.advance(2_000);
  await closing;
  assert.match(bench.log.lines().at(-1)!, /has not taken everything/);
});
