import assert from "node:assert/strict";
import type { ProgramOptions, RunningProgram } from "../../src/system/programs.ts";
import { SystemService } from "../../src/system/system_service.ts";
import { CapturedLog } from "../support/captured_log.ts";
import { FakeTime } from "../support/fake_time.ts";

/** A service whose programs the test ends. */
class Fixture implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  readonly started: {
    argv: readonly string[];
    say: ProgramOptions["onLine"];
    end: (status: Deno.CommandStatus) => void;
    signals: Deno.Signal[];
  }[] = [];
  startError: Error | undefined;
  readonly service = new SystemService(
    { name: "dhcp", command: () => ["udhcpc", String(this.started.length)] },
    (argv, { onLine }): RunningProgram => {
      if (this.startError !== undefined) throw this.startError;
      const { promise, resolve } = Promise.withResolvers<Deno.CommandStatus>();
      const signals: Deno.Signal[] = [];
      this.started.push({ argv, say: onLine, end: resolve, signals });
      return { pid: 7, ended: promise, signal: (signal) => void signals.push(signal) };
    },
  );

  async end(code = 1): Promise<void> {
    this.started.at(-1)!.end({ success: code === 0, code, signal: null });
    await this.time.settle();
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }
}

Deno.test("a service is started once, and what it says is in the log under its name", () => {
  using fixture = new Fixture();
  fixture.service.start();
  fixture.service.start();
  assert.deepEqual(fixture.started.map(({ argv }) => argv), [["udhcpc", "0"]]);
  fixture.started[0]!.say("lease of 192.0.2.7 obtained");
  assert.deepEqual(fixture.log.lines(), ["info    dhcp: lease of 192.0.2.7 obtained"]);
});

Deno.test("a service that ends is started again, later each time", async () => {
  using fixture = new Fixture();
  fixture.service.start();
  for (const [delay, starts] of [[1_200, 2], [2_400, 3], [4_800, 4]] as const) {
    await fixture.end();
    await fixture.time.advance(delay / 2);
    assert.equal(fixture.started.length, starts - 1);
    await fixture.time.advance(delay / 2);
    assert.equal(fixture.started.length, starts);
  }
  assert.match(fixture.log.lines()[0]!, /^warning dhcp: Ended: exit status 1; it is started again/);
});

Deno.test("a service that has run for a minute begins anew with short delays", async () => {
  using fixture = new Fixture();
  fixture.service.start();
  for (let i = 0; i < 6; i++) {
    await fixture.end();
    await fixture.time.advance(100_000);
  }
  await fixture.end();
  await fixture.time.advance(1_200);
  assert.equal(fixture.started.length, 8);
});

Deno.test("a service that cannot be started is tried again", async () => {
  using fixture = new Fixture();
  fixture.startError = new Error("Cannot start udhcpc");
  fixture.service.start();
  fixture.startError = undefined;
  await fixture.time.advance(1_200);
  assert.equal(fixture.started.length, 1);
});

Deno.test("a service that was stopped gets TERM, and stays ended", async () => {
  using fixture = new Fixture();
  fixture.service.start();
  fixture.service.stop();
  assert.deepEqual(fixture.started[0]!.signals, ["SIGTERM"]);
  await fixture.end();
  await fixture.time.advance(1_000_000);
  assert.equal(fixture.started.length, 1);
  assert.equal(fixture.time.pending, 0);
});
