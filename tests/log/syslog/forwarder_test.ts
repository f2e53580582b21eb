import assert from "node:assert/strict";
import type { LogRecord } from "@logtape/logtape";
import type { SyslogSettings } from "../../../src/config/settings.ts";
import type { SyslogConnection } from "../../../src/log/syslog/connection.ts";
import { SyslogForwarder } from "../../../src/log/syslog/forwarder.ts";

function record(text: string): LogRecord {
  return {
    category: ["frontloader", "web"],
    level: "info",
    message: [text],
    rawMessage: text,
    properties: {},
    timestamp: 0,
  };
}

/** A forwarder whose receivers are the test's own, known by their host. */
class Bench implements AsyncDisposable {
  readonly received: Record<string, string[]> = {};
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly forwarder = new SyslogForwarder({
    sender: () => ({ hostname: "host", pid: 12 }),
    open: ({ host }) => {
      this.opened.push(host);
      return Promise.resolve(this.#connection(host));
    },
  });

  /** Logs a line and lets it arrive. */
  async log(...texts: string[]): Promise<void> {
    for (const text of texts) this.forwarder.take(record(text));
    await settled();
  }

  async configure(...targets: (Partial<SyslogSettings> & { host: string })[]): Promise<void> {
    this.forwarder.configure(
      targets.map((target) => ({ port: 514, transport: "tcp", level: "info", ...target })),
    );
    await settled();
  }

  #connection(host: string): SyslogConnection {
    const received = this.received[host] ??= [];
    return {
      isAnswered: true,
      broken: new Promise(() => {}),
      send(messages) {
        for (const bytes of messages) {
          received.push(new TextDecoder().decode(bytes).replace(/^.* - /, ""));
        }
        return Promise.resolve(messages.length);
      },
      close: () => Promise.resolve(void this.closed.push(host)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.forwarder.close();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("what is logged before the first configuration goes to its targets, and to no later ones", async () => {
  await using bench = new Bench();
  await bench.log("early");
  await bench.configure({ host: "a" });
  await bench.log("x");
  await bench.configure({ host: "a" }, { host: "b" });
  await bench.log("y");
  assert.deepEqual(bench.received, { a: ["early", "x", "y"], b: ["y"] });
});

Deno.test("what is kept for the first configuration has a bound, and what is missing is said", async () => {
  await using bench = new Bench();
  await bench.log(...Array.from({ length: 2000 }, (_, index) => `${index}`));
  await bench.configure({ host: "a" });
  const kept = bench.received["a"]!.length - 1;
  assert(kept > 500 && kept < 1100, `${kept}`);
  assert.equal(
    bench.received["a"]!.at(-1),
    `${2000 - kept} messages dropped: no configuration has said who wants them`,
  );
});

Deno.test("without targets nothing is kept after the first configuration", async () => {
  await using bench = new Bench();
  await bench.log("early");
  await bench.configure();
  await bench.log("x");
  await bench.configure({ host: "a" });
  await bench.log("y");
  assert.deepEqual(bench.received, { a: ["y"] });
});

Deno.test("a target that stays in the configuration keeps its connection", async () => {
  await using bench = new Bench();
  await bench.configure({ host: "a" }, { host: "b" });
  await bench.configure({ host: "b" }, { host: "a" });
  assert.deepEqual(bench.opened, ["a", "b"]);
  assert.deepEqual(bench.closed, []);
});

Deno.test("a target that is removed gets what was logged before, and nothing after", async () => {
  await using bench = new Bench();
  await bench.configure({ host: "a" });
  bench.forwarder.take(record("x"));
  await bench.configure();
  await bench.log("y");
  assert.deepEqual(bench.received, { a: ["x"] });
  assert.deepEqual(bench.closed, ["a"]);
});

Deno.test("a target that changes is another one", async () => {
  await using bench = new Bench();
  await bench.configure({ host: "a" });
  await bench.configure({ host: "a", level: "err" });
  await bench.log("x");
  assert.deepEqual(bench.opened, ["a", "a"]);
  assert.deepEqual(bench.closed, ["a"]);
  assert.deepEqual(bench.received, { a: [] });
});

Deno.test("the same target twice gets everything twice", async () => {
  await using bench = new Bench();
  await bench.configure({ host: "a" }, { host: "a" });
  await bench.log("x");
  assert.deepEqual(bench.received, { a: ["x", "x"] });
});

Deno.test("closing sends what is left", async () => {
  const bench = new Bench();
  await bench.configure({ host: "a" });
  bench.forwarder.take(record("last"));
  await bench.forwarder.close();
  assert.deepEqual(bench.received, { a: ["last"] });
  assert.deepEqual(bench.closed, ["a"]);
});
