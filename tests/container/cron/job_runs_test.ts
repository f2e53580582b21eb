import assert from "node:assert/strict";
import { getLogger } from "@logtape/logtape";
import type { JobSettings } from "../../../src/config/settings.ts";
import { JobRuns } from "../../../src/container/cron/job_runs.ts";
import { nextRun } from "../../../src/container/cron/schedule.ts";
import { CapturedLog } from "../../support/captured_log.ts";
import { FakeJob } from "../../support/fake_containers.ts";
import { FakeTime } from "../../support/fake_time.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const minutely: JobSettings = { schedule: "* * * * *", command: ["minutely"] };
const hourly: JobSettings = { schedule: "@hourly", command: ["hourly"] };

/** Jobs of a container that the test plays, from the beginning of the year 2030. */
class Bench implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  readonly started: (FakeJob & { readonly name: string })[] = [];
  timeZone = "UTC";
  /** The instance that serves. */
  serving: number | undefined = 1;
  readonly jobs = new JobRuns({
    logger: getLogger(["frontloader", "web"]),
    nextRun,
    timeZone: () => this.timeZone,
    start: ({ command }, name) => {
      if (this.serving === undefined) return undefined;
      const job = new FakeJob(100 + this.started.length, { command, onLine: () => {} });
      this.started.push(Object.assign(job, { name }));
      return { instance: this.serving, started: job.answer };
    },
  });

  [Symbol.dispose](): void {
    this.jobs.configure([]);
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }

  /** The commands of what was started so far. */
  get commands(): string[] {
    return this.started.map(({ command }) => command.join(" "));
  }

  get last(): FakeJob {
    return this.started.at(-1)!;
  }

  /** Ends what was started last. */
  async end(code = 0): Promise<void> {
    this.last.end(code);
    await this.time.settle();
  }
}

Deno.test("a job is started at its time, each time, and not before", async () => {
  using bench = new Bench();
  bench.jobs.configure([{ schedule: "0 1,3 * * *", command: ["backup"] }]);
  await bench.time.advance(HOUR - 1);
  assert.deepEqual(bench.commands, []);
  await bench.time.advance(1);
  assert.deepEqual(bench.commands, ["backup"]);
  await bench.end();
  await bench.time.advance(2 * HOUR - 1);
  assert.equal(bench.started.length, 1);
  await bench.time.advance(1);
  assert.equal(bench.started.length, 2);
});

Deno.test("jobs go by the time zone of their container, also when that changes", async () => {
  using bench = new Bench();
  bench.timeZone = "Europe/Berlin";
  bench.jobs.configure([{ schedule: "0 3 * * *", command: ["backup"] }]);
  await bench.time.advance(2 * HOUR);
  assert.equal(bench.started.length, 1);
  await bench.end();
  bench.timeZone = "UTC";
  bench.jobs.refresh();
  await bench.time.advance(HOUR);
  assert.equal(bench.started.length, 2);
});

Deno.test("start, end and exit status of a job are said, and output has the job's name", async () => {
  using bench = new Bench();
  bench.jobs.configure([hourly, minutely]);
  await bench.time.advance(MINUTE);
  assert.equal(bench.started[0]!.name, "cron[1]");
  bench.last.start();
  await bench.time.advance(2000);
  await bench.end(3);
  await bench.time.advance(MINUTE);
  await bench.end();
  assert.deepEqual(bench.log.lines("Job"), [
    "info    web: Job cron[1] runs pid=100 instance=1",
    "warning web: Job cron[1] ended: exit status 3 pid=100 ranSeconds=2",
    "info    web: Job cron[1] runs pid=101 instance=1",
    "info    web: Job cron[1] ended: exit status 0 pid=101 ranSeconds=0",
  ]);
});

Deno.test("a job that cannot be started is an error, and the next time comes all the same", async () => {
  using bench = new Bench();
  bench.jobs.configure([minutely]);
  await bench.time.advance(MINUTE);
  bench.last.fail(new Error("no such program"));
  await bench.time.settle();
  assert.deepEqual(bench.log.lines("Job"), []);
  assert.deepEqual(bench.log.lines("job"), [
    "error   web: Cannot run job cron[0]: no such program",
  ]);
  await bench.time.advance(MINUTE);
  assert.equal(bench.started.length, 2);
});

Deno.test("a job never runs beside itself, and that it is skipped is said", async () => {
  using bench = new Bench();
  bench.jobs.configure([minutely]);
  await bench.time.advance(3 * MINUTE);
  assert.equal(bench.started.length, 1);
  assert.deepEqual(
    bench.log.lines("skipped"),
    Array(2).fill("warning web: Job cron[0] is skipped: its last run still runs"),
  );
  await bench.end();
  await bench.time.advance(MINUTE);
  assert.equal(bench.started.length, 2);
});

Deno.test("jobs without a lock run beside each other", async () => {
  using bench = new Bench();
  bench.jobs.configure([minutely, { ...minutely, command: ["other"] }]);
  await bench.time.advance(MINUTE);
  assert.deepEqual(bench.commands, ["minutely", "other"]);
});

Deno.test("jobs with the same lock never run beside each other", async () => {
  using bench = new Bench();
  bench.jobs.configure([
    { ...minutely, lock: "data" },
    { ...minutely, command: ["same"], lock: "data" },
    { ...minutely, command: ["other"], lock: "cache" },
  ]);
  await bench.time.advance(MINUTE);
  assert.deepEqual(bench.commands, ["minutely", "other"]);
  assert.deepEqual(bench.log.lines("skipped"), [
    'warning web: Job cron[1] is skipped: cron[0] still runs and holds the lock "data"',
  ]);
});

Deno.test("a lock is held until its job has ended, also in an instance that was replaced meanwhile", async () => {
  using bench = new Bench();
  bench.jobs.configure([{ ...minutely, lock: "data" }]);
  await bench.time.advance(MINUTE);
  bench.serving = 2;
  await bench.time.advance(MINUTE);
  assert.equal(bench.started.length, 1);
  await bench.end();
  await bench.time.advance(MINUTE);
  assert.equal(bench.started.length, 2);
});

Deno.test("a job is skipped where no instance runs", async () => {
  using bench = new Bench();
  bench.serving = undefined;
  bench.jobs.configure([minutely]);
  await bench.time.advance(MINUTE);
  assert.deepEqual(bench.log.lines("skipped"), [
    "warning web: Job cron[0] is skipped: no instance runs",
  ]);
});

Deno.test("other jobs take effect at once, and what runs goes on", async () => {
  using bench = new Bench();
  bench.jobs.configure([minutely]);
  await bench.time.advance(MINUTE);
  const [running] = bench.started;
  bench.jobs.configure([hourly, minutely]);
  await bench.time.advance(MINUTE);
  assert.equal(bench.started.length, 1, "it is the same job, elsewhere in the list");
  bench.jobs.configure([hourly]);
  running!.end();
  await bench.time.advance(58 * MINUTE);
  assert.deepEqual(bench.commands, ["minutely", "hourly"]);
  bench.jobs.configure([]);
  assert.equal(bench.time.pending, 0);
});

Deno.test("a configuration that is read again puts off nothing, and runs nothing twice", async () => {
  using bench = new Bench();
  bench.jobs.configure([hourly]);
  for (let minutes = 0; minutes < 120; minutes += 7) {
    bench.jobs.configure([{ ...hourly }]);
    await bench.time.advance(7 * MINUTE);
    if (bench.started.length > 0) await bench.end();
  }
  assert.equal(bench.started.length, 2);
});

Deno.test("a clock that is set forward skips what lies between, and goes on from there", async () => {
  using bench = new Bench();
  bench.jobs.configure([hourly, minutely]);
  bench.time.setClock(10 * HOUR + 30_000);
  await bench.time.advance(MINUTE);
  assert.deepEqual(bench.commands, []);
  assert.deepEqual(
    bench.log.lines("skipped"),
    [0, 1].map((n) =>
      `warning web: Job cron[${n}] is skipped: the clock was set, or the machine stood still`
    ),
  );
  await bench.time.advance(30_000);
  assert.deepEqual(bench.commands, ["minutely"]);
});

Deno.test("a clock that is set back is gone by from there", async () => {
  using bench = new Bench();
  bench.jobs.configure([minutely]);
  await bench.time.advance(MINUTE);
  await bench.end();
  bench.time.setClock(-10 * HOUR);
  await bench.time.advance(3 * MINUTE);
  assert(bench.started.length >= 2);
});

Deno.test("the jobs of an instance get TERM once, and their end is waited for", async () => {
  using bench = new Bench();
  bench.jobs.configure([minutely]);
  await bench.time.advance(MINUTE);
  bench.last.start();
  await bench.time.settle();
  assert.equal(bench.jobs.terminate(2), undefined, "another instance has none");
  let hasEnded = false;
  bench.jobs.terminate(1)!.then(() => hasEnded = true);
  bench.jobs.terminate(1);
  assert.equal(bench.last.terms, 1);
  await bench.time.advance(HOUR);
  assert.equal(hasEnded, false);
  await bench.end(143);
  assert.equal(hasEnded, true);
  assert.deepEqual(bench.log.lines("ended"), [
    "info    web: Job cron[0] ended: exit status 143 pid=100 ranSeconds=3600",
  ]);
});

Deno.test("a job that is called off while it is being started gets TERM once it runs", async () => {
  using bench = new Bench();
  bench.jobs.configure([minutely]);
  await bench.time.advance(MINUTE);
  bench.jobs.terminate(1);
  assert.equal(bench.last.terms, 0);
  bench.last.start();
  await bench.time.settle();
  assert.equal(bench.last.terms, 1);
});

Deno.test("status says of each job when it runs next, since when it runs, and what became of it", async () => {
  using bench = new Bench();
  bench.jobs.configure([hourly, minutely]);
  await bench.time.advance(MINUTE + 5000);
  assert.deepEqual(bench.jobs.status(), [
    {
      name: "cron[0]",
      schedule: "@hourly",
      next: "2030-01-01T01:00:00.000Z",
      runningSince: undefined,
      last: undefined,
    },
    {
      name: "cron[1]",
      schedule: "* * * * *",
      next: "2030-01-01T00:02:00.000Z",
      runningSince: "2030-01-01T00:01:00.000Z",
      last: undefined,
    },
  ]);
  await bench.time.advance(MINUTE);
  const why = "skipped: its last run still runs";
  assert.deepEqual(bench.jobs.status()[1]!.last, { at: "2030-01-01T00:02:00.000Z", result: why });
  await bench.end(1);
  assert.deepEqual(bench.jobs.status()[1]!.last, {
    at: "2030-01-01T00:01:00.000Z",
    result: "exit status 1",
  });
  bench.jobs.configure([minutely]);
  assert.equal(bench.jobs.status()[0]!.last?.result, "exit status 1", "it is the same job");
});
