import assert from "node:assert/strict";
import type { ContainerSettings } from "../../src/config/settings.ts";
import { ContainerDriver } from "../../src/container/container_driver.ts";
import { parseReference } from "../../src/registry/reference.ts";
import { CapturedLog } from "../support/captured_log.ts";
import { containerSettings } from "../support/container_settings.ts";
import {
  FakeContainers,
  fakeDigest,
  fakeImage,
  type FakeInstance,
} from "../support/fake_containers.ts";
import { FakeTime } from "../support/fake_time.ts";
import { fixedRandom } from "../support/fixed_random.ts";

const CHECK_INTERVAL = 600;
const MINUTE = 60_000;

/** A driver whose surroundings are all the test's own: time, chance, log, and what it drives. */
class Bench implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  readonly containers = new FakeContainers();
  readonly driver = new ContainerDriver("web", this.containers);
  readonly #random = fixedRandom(0.5);
  #lastPid = 100;

  [Symbol.dispose](): void {
    this.#random[Symbol.dispose]();
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }

  configure(changes: Partial<ContainerSettings> = {}, checkInterval = CHECK_INTERVAL): void {
    this.driver.configure(containerSettings({ id: "web", ...changes }), checkInterval);
  }

  remove(): void {
    this.driver.configure(undefined, CHECK_INTERVAL);
  }

  /** Lets the newest pull bring an image. */
  async pulled(letter: string): Promise<void> {
    this.containers.lastPull.succeed(fakeImage(letter));
    await this.time.settle();
  }

  /** Lets the newest launch succeed. */
  async started(): Promise<FakeInstance> {
    const instance = this.containers.lastLaunch.succeed(++this.#lastPid);
    await this.time.settle();
    return instance;
  }

  /** Brings a container up from nothing. */
  async run(changes: Partial<ContainerSettings> = {}): Promise<FakeInstance> {
    this.configure(changes);
    await this.pulled("a");
    return await this.started();
  }

  /** Ends an instance and lets the driver hear of it. */
  async end(instance: FakeInstance, code = 1): Promise<void> {
    instance.end(code);
    await this.time.settle();
  }

  get lastError(): string | undefined {
    return this.driver.status().lastError?.message;
  }
}

/** True if `promise` is settled by now. */
async function isSettled(promise: Promise<unknown>, time: FakeTime): Promise<boolean> {
  let settled = false;
  promise.finally(() => settled = true);
  await time.settle();
  return settled;
}

// Start

Deno.test("a configured container is pulled, then launched, then runs", async () => {
  using bench = new Bench();
  bench.configure();
  assert.equal(bench.containers.pulls.length, 1);
  assert.equal(bench.containers.launches.length, 0);
  assert.equal(bench.driver.status().state, "pulling");

  await bench.pulled("a");
  const { release } = bench.containers.lastLaunch;
  assert.equal(release.settings.id, "web");
  assert.equal(release.image.digest, fakeDigest("a"));
  assert.deepEqual(bench.driver.status().instances, [{
    pid: undefined,
    image: "http://127.0.0.1:5000/test:latest",
    digest: fakeDigest("a"),
    since: undefined,
    state: "starting",
  }]);

  await bench.time.advance(2000);
  await bench.started();
  assert.deepEqual(bench.driver.status(), {
    id: "web",
    state: "running",
    instances: [{
      pid: 101,
      image: "http://127.0.0.1:5000/test:latest",
      digest: fakeDigest("a"),
      since: "2030-01-01T00:00:02.000Z",
      state: "running",
    }],
    failures: 0,
    jobs: [],
    lastError: undefined,
  });
});

Deno.test("a disabled container is not pulled, and is gone at once", async () => {
  using bench = new Bench();
  bench.configure({ disabled: true });
  assert.equal(bench.containers.pulls.length, 0);
  assert.equal(bench.driver.status().state, "stopped");
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
  assert.equal(bench.time.pending, 0);
});

Deno.test("a failed pull is tried again with back-off, and said", async () => {
  using bench = new Bench();
  bench.configure();
  bench.containers.lastPull.fail(new Error("no route", { cause: new Error("EHOSTUNREACH") }));
  await bench.time.advance(999);
  assert.equal(bench.containers.pulls.length, 1);
  await bench.time.advance(1);
  assert.equal(bench.containers.pulls.length, 2);
  const text = "no route: EHOSTUNREACH";
  assert.deepEqual(bench.log.lines("error"), [`error   web: ${text}`]);
  assert.equal(bench.lastError, text);
  assert.equal(bench.driver.status().failures, 1);
});

Deno.test("a failed launch is tried again with back-off and another pull", async () => {
  using bench = new Bench();
  bench.configure();
  await bench.pulled("a");
  bench.containers.lastLaunch.fail(new Error("no such program"));
  await bench.time.advance(1000);
  assert.equal(bench.containers.pulls.length, 2);
  assert.deepEqual(bench.driver.status().instances, []);
  assert.equal(bench.lastError, "Cannot start instance 1: no such program");
});

// Restart

Deno.test("a container that ends at once is started again after 1 s doubling to 5 min", async () => {
  using bench = new Bench();
  let instance = await bench.run();
  for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
    const before = bench.containers.launches.length;
    await bench.end(instance);
    await bench.time.advance(seconds * 1000 - 1);
    assert.equal(bench.containers.launches.length, before, `earlier than after ${seconds} s`);
    await bench.time.advance(1);
    assert.equal(bench.containers.launches.length, before + 1, `not after ${seconds} s`);
    instance = await bench.started();
  }
  assert.equal(bench.containers.pulls.length, 1);
});

Deno.test("an end that nobody asked for is a warning that says how it came", async () => {
  using bench = new Bench();
  const instance = await bench.run();
  await bench.time.advance(2500);
  await bench.end(instance, 3);
  assert.deepEqual(bench.log.lines("ended"), [
    "warning web: Instance 1 ended: exit status 3 pid=101 ranSeconds=3",
  ]);
  assert.deepEqual(bench.driver.status().lastError, {
    at: "2030-01-01T00:00:02.500Z",
    message: "Instance 1 ended: exit status 3",
  });
});

Deno.test("processes that are killed for want of memory are told of in log and status, and so is an end by it", async () => {
  using bench = new Bench();
  const instance = await bench.run();
  instance.cgroup.kill("a process was killed: out of memory");
  const text = "Instance 1: a process was killed: out of memory";
  assert.deepEqual(bench.log.lines("killed"), [`warning web: ${text}`]);
  assert.equal(bench.lastError, text);
  assert.equal(bench.driver.status().state, "running");
  instance.cgroup.end = "exit status 137: out of memory";
  await bench.end(instance, 137);
  assert.equal(bench.lastError, "Instance 1 ended: exit status 137: out of memory");
});

Deno.test("after 10 min an instance has a clean record", async () => {
  using bench = new Bench();
  await bench.end(await bench.run());
  await bench.time.advance(1000);
  await bench.end(await bench.started());
  assert.equal(bench.driver.status().failures, 2);
  await bench.time.advance(2000);
  const third = await bench.started();
  await bench.time.advance(10 * MINUTE);
  await bench.end(third);
  assert.equal(bench.driver.status().failures, 1);
  await bench.time.advance(1000);
  assert.equal(bench.containers.launches.length, 4);
});

Deno.test("a clock that is set does not make an instance look healthy", async () => {
  using bench = new Bench();
  await bench.end(await bench.run());
  await bench.time.advance(1000);
  const second = await bench.started();
  // A machine that booted with its clock at 1970 gets the time.
  bench.time.setClock(50 * 365 * 24 * 60 * MINUTE);
  await bench.end(second);
  assert.equal(bench.driver.status().failures, 2);
});

Deno.test("an instance of which something cannot be cleared away has ended all the same", async () => {
  using bench = new Bench();
  const instance = await bench.run();
  instance.fail(new Error("Cannot remove its directory", { cause: new Error("EBUSY") }));
  await bench.time.advance(1000);
  assert.equal(bench.containers.launches.length, 2);
  assert.match(bench.lastError ?? "", /^Instance 1 ended: .*Cannot remove its directory: EBUSY$/);
});

Deno.test("a removed instance of which something cannot be cleared away is gone, but not silently", async () => {
  using bench = new Bench();
  const instance = await bench.run();
  bench.remove();
  instance.fail(new Error("Cannot remove its directory"));
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
  assert.equal(bench.lastError, "Instance 1 ended: Cannot remove its directory");
  assert.equal(bench.log.lines("Cannot remove its directory").length, 1);
});

// Upgrade

Deno.test("a new digest is pulled and launched before the old instance gets TERM", async () => {
  using bench = new Bench();
  const old = await bench.run();
  await bench.time.advance(CHECK_INTERVAL * 1000);
  bench.containers.lastCheck.succeed(fakeDigest("b"));
  await bench.time.settle();
  assert.equal(bench.driver.status().state, "running, pulling");
  await bench.pulled("b");
  assert.equal(bench.driver.status().state, "running, starting a new release");
  assert.equal(old.terms, 0);
  await bench.started();
  assert.equal(old.terms, 1);
  assert.deepEqual(
    bench.driver.status().instances.map(({ pid, state }) => [pid, state]),
    [[101, "leaving"], [102, "running"]],
  );

  await bench.time.advance(24 * 60 * MINUTE);
  assert.equal(old.terms, 1, "TERM once, however long it takes");
  await bench.end(old, 0);
  assert.deepEqual(bench.driver.status().instances.map(({ pid }) => pid), [102]);
  assert.equal(bench.lastError, undefined, "an end that was asked for is no error");
});

Deno.test("a failed upgrade leaves the old instance alone and is tried again", async () => {
  using bench = new Bench();
  const old = await bench.run();
  const update = bench.driver.update();
  bench.containers.lastCheck.succeed(fakeDigest("b"));
  assert.equal(await update, "a new release is being brought in");
  await bench.pulled("b");
  bench.containers.lastLaunch.fail(new Error("bad"));
  await bench.time.settle();
  assert.equal(bench.driver.status().state, "running, waiting to retry");
  assert.equal(old.terms, 0);
  await bench.time.advance(1000);
  await bench.pulled("b");
  await bench.started();
  assert.equal(old.terms, 1);
});

Deno.test("with a stop delay the old instance gets TERM that much later", async () => {
  using bench = new Bench();
  const old = await bench.run({ stopDelay: 30 });
  bench.configure({ stopDelay: 30, uid: 1 });
  await bench.pulled("a");
  await bench.started();
  assert.equal(bench.driver.status().state, "running, new release settling");
  assert.deepEqual(
    bench.driver.status().instances.map(({ state }) => state),
    ["running", "settling"],
  );
  await bench.time.advance(29_999);
  assert.equal(old.terms, 0);
  await bench.time.advance(1);
  assert.equal(old.terms, 1);
});

Deno.test("a new instance that ends within the stop delay does not take the old one along", async () => {
  using bench = new Bench();
  const old = await bench.run({ stopDelay: 30 });
  bench.configure({ stopDelay: 30, uid: 1 });
  await bench.pulled("a");
  await bench.end(await bench.started());
  await bench.time.advance(60_000);
  assert.equal(old.terms, 0);
  assert.equal(bench.containers.pulls.length, 3);
});

Deno.test("every instance is asked to end by its final signal, the newest of its settings", async () => {
  using bench = new Bench();
  const old = await bench.run({ finalSignal: "INT" });
  bench.configure({ finalSignal: "QUIT" });
  assert.equal(old.terms, 0);
  bench.configure({ finalSignal: "USR1", uid: 1 });
  await bench.pulled("a");
  const young = await bench.started();
  bench.remove();
  // The one that was replaced is another program, of which the third signal is not known to end it.
  assert.deepEqual([old.finalSignal, young.finalSignal], ["QUIT", "USR1"]);
  assert.deepEqual(bench.log.lines("gets"), [
    "info    web: Instance 1 gets QUIT pid=101",
    "info    web: Instance 2 gets USR1 pid=102",
  ]);
});

// Stop before start

Deno.test("with stopBeforeStart the old instance ends before the new one is launched, however long it takes", async () => {
  using bench = new Bench();
  const old = await bench.run({ stopBeforeStart: true });
  bench.configure({ stopBeforeStart: true, uid: 1 });
  assert.equal(bench.driver.status().state, "running, pulling");
  assert.equal(old.terms, 0);
  await bench.pulled("b");
  assert.equal(bench.driver.status().state, "new release waiting for the old one to end");
  assert.deepEqual(bench.driver.layersInUse, ["a", "a", "b"].map(fakeDigest));
  await bench.time.advance(24 * 60 * MINUTE);
  assert.deepEqual([old.terms, old.kills], [1, 0]);
  assert.equal(bench.containers.launches.length, 1);
  await bench.end(old);
  assert.equal(bench.containers.lastLaunch.release.image.digest, fakeDigest("b"));
  assert.equal(bench.driver.status().state, "starting a new release");
  await bench.started();
  assert.equal(bench.driver.status().state, "running");
});

Deno.test("with a stop timeout the old instance is killed when it is over, and that is said", async () => {
  using bench = new Bench();
  const settings = { stopBeforeStart: true, stopTimeout: 10 };
  const old = await bench.run(settings);
  bench.configure({ ...settings, uid: 1 });
  await bench.pulled("a");
  await bench.time.advance(9_999);
  assert.equal(old.kills, 0);
  await bench.time.advance(1);
  assert.equal(old.kills, 1);
  assert.deepEqual(bench.log.lines("killed"), [
    "warning web: Instance 1 is killed: it has not ended within the stopTimeout pid=101",
  ]);
  await bench.end(old);
  assert.equal(bench.containers.launches.length, 2);
});

Deno.test("a stop timeout means nothing at removal", async () => {
  using bench = new Bench();
  const old = await bench.run({ stopBeforeStart: true, stopTimeout: 10 });
  bench.remove();
  await bench.time.advance(MINUTE);
  assert.deepEqual([old.terms, old.kills], [1, 0]);
});

Deno.test("an instance that is still being launched when its stop timeout is over is killed once it runs", async () => {
  using bench = new Bench();
  bench.configure({ stopBeforeStart: true, stopTimeout: 10 });
  await bench.pulled("a");
  const [launch] = bench.containers.launches;
  bench.configure({ stopBeforeStart: true, stopTimeout: 10, uid: 1 });
  await bench.pulled("a");
  await bench.time.advance(10_000);
  const instance = launch!.succeed(7);
  await bench.time.settle();
  assert.deepEqual([instance.terms, instance.kills], [1, 1]);
});

/** A driver that finds an instance of a Frontloader before it. */
function driverAfter(bench: Bench): { driver: ContainerDriver; end(): void; kills(): number } {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let killed = 0;
  const driver = new ContainerDriver("web", {
    ...bench.containers,
    leftovers: (id) => id === "web" ? [{ pid: 9, ended, kill: () => void killed++ }] : [],
  });
  return { driver, end, kills: () => killed };
}

Deno.test("with stopBeforeStart an instance that a Frontloader before this one left has to end first, too", async () => {
  using bench = new Bench();
  const { driver, end } = driverAfter(bench);
  assert.deepEqual(driver.pids, [9]);
  driver.configure(containerSettings({ stopBeforeStart: true }), CHECK_INTERVAL);
  await bench.pulled("a");
  await bench.time.advance(MINUTE);
  assert.equal(bench.containers.launches.length, 0);
  assert.equal(driver.status().state, "new release waiting for the old one to end");
  end();
  await bench.time.settle();
  assert.equal(bench.containers.launches.length, 1);
});

Deno.test("what a Frontloader before this one left is killed after the stop timeout, and not without", async () => {
  using bench = new Bench();
  const { driver, kills } = driverAfter(bench);
  const settings = containerSettings({ stopBeforeStart: true });
  driver.configure(settings, CHECK_INTERVAL);
  await bench.pulled("a");
  await bench.time.advance(MINUTE);
  assert.equal(kills(), 0);
  driver.configure({ ...settings, stopTimeout: 10 }, CHECK_INTERVAL);
  await bench.time.advance(10_000);
  assert.equal(kills(), 1);
  assert.deepEqual(bench.log.lines("killed"), [
    "warning web: What the Frontloader before this one left is killed: it has not ended within the stopTimeout pid=9",
  ]);
});

Deno.test("without stopBeforeStart nobody waits for what a Frontloader before this one left", async () => {
  using bench = new Bench();
  const { driver } = driverAfter(bench);
  driver.configure(containerSettings(), CHECK_INTERVAL);
  await bench.pulled("a");
  assert.equal(bench.containers.launches.length, 1);
});

Deno.test("if the new release cannot be launched the old one is at once, and the next try is put off", async () => {
  using bench = new Bench();
  const old = await bench.run({ stopBeforeStart: true });
  bench.configure({ stopBeforeStart: true, uid: 1 });
  await bench.pulled("b");
  await bench.end(old);
  bench.containers.lastLaunch.fail(new Error("bad"));
  await bench.time.settle();
  assert.equal(bench.containers.lastLaunch.release.image.digest, fakeDigest("a"));
  await bench.started();
  assert.equal(bench.driver.status().state, "running, waiting to retry");
  await bench.time.advance(5 * MINUTE - 1);
  assert.equal(bench.containers.pulls.length, 2);
  await bench.time.advance(1);
  assert.equal(bench.containers.pulls.length, 3);
});

// Jobs

const minutely = { schedule: "* * * * *", command: ["tidy"] };

Deno.test("a job runs once, in the instance that serves: while a new one is on trial in the old one", async () => {
  using bench = new Bench();
  const settings = { stopDelay: 90, cron: [minutely] };
  const old = await bench.run(settings);
  bench.configure({ ...settings, uid: 1 });
  await bench.pulled("a");
  const young = await bench.started();
  await bench.time.advance(MINUTE);
  assert.deepEqual([old.jobs.length, young.jobs.length], [1, 0]);
  old.jobs[0]!.end();
  await bench.time.advance(MINUTE);
  assert.deepEqual([old.jobs.length, young.jobs.length], [1, 1]);
  assert.deepEqual(young.jobs[0]!.command, ["tidy"]);
});

Deno.test("output of a job has the container's id and the job in front", async () => {
  using bench = new Bench();
  const instance = await bench.run({ cron: [minutely] });
  await bench.time.advance(MINUTE);
  instance.jobs[0]!.onLine("tidied", "stdout");
  assert.deepEqual(bench.log.lines("tidied"), ["web.cron[0]| tidied"]);
});

Deno.test("an instance is asked to end once its jobs have, however long they take", async () => {
  using bench = new Bench();
  const instance = await bench.run({ cron: [minutely] });
  await bench.time.advance(MINUTE);
  const [job] = instance.jobs;
  job!.start();
  await bench.time.settle();
  bench.remove();
  assert.deepEqual([job!.terms, instance.terms], [1, 0]);
  await bench.time.advance(24 * 60 * MINUTE);
  assert.deepEqual([job!.terms, instance.terms, instance.jobs.length], [1, 0, 1]);
  job!.end();
  await bench.time.settle();
  assert.equal(instance.terms, 1);
  await bench.end(instance);
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
  assert.equal(bench.time.pending, 0);
});

Deno.test("a stop timeout goes for an instance with all its jobs", async () => {
  using bench = new Bench();
  const settings = { stopBeforeStart: true, stopTimeout: 10, cron: [minutely] };
  const old = await bench.run(settings);
  await bench.time.advance(MINUTE);
  bench.configure({ ...settings, uid: 1 });
  await bench.pulled("a");
  await bench.time.advance(10_000);
  assert.deepEqual([old.jobs[0]!.terms, old.terms, old.kills], [0, 0, 1]);
});

for (const started of [true, false]) {
  Deno.test(`a job that does not end with its instance, as with hostPid, is killed with it${started ? "" : ", even if it is only being started"}`, async () => {
    using bench = new Bench();
    const settings = { hostPid: true, stopBeforeStart: true, stopTimeout: 10, cron: [minutely] };
    const old = await bench.run(settings);
    await bench.time.advance(MINUTE);
    const [job] = old.jobs;
    if (started) job!.start();
    bench.configure({ ...settings, uid: 1 });
    await bench.pulled("a");
    await bench.time.advance(10_000);
    if (!started) job!.start();
    await bench.time.settle();
    assert.deepEqual([old.kills, job!.kills], [1, 1]);
  });
}

Deno.test("other jobs replace nothing, and none run where nothing is wanted", async () => {
  using bench = new Bench();
  const instance = await bench.run();
  bench.configure({ cron: [minutely] });
  assert.equal(bench.containers.pulls.length, 1);
  await bench.time.advance(MINUTE);
  assert.equal(instance.jobs.length, 1);
  instance.jobs[0]!.end();
  bench.remove();
  await bench.time.advance(MINUTE);
  assert.equal(instance.jobs.length, 1);
});

Deno.test("a job is skipped while its container waits to be restarted", async () => {
  using bench = new Bench();
  const instance = await bench.run({ cron: [minutely] });
  await bench.time.advance(MINUTE - 500);
  await bench.end(instance);
  await bench.time.advance(500);
  assert.equal(bench.log.lines("Job cron[0] is skipped: no instance runs").length, 1);
});

Deno.test("jobs go by the TZ of what serves, if that has an IANA name", async () => {
  using bench = new Bench();
  const cron = [{ schedule: "0 3 * * *", command: ["backup"] }];
  bench.configure({ cron });
  await bench.pulled("a");
  const next = () => bench.driver.status().jobs[0]!.next;
  assert.equal(next(), "2030-01-01T03:00:00.000Z");
  const instance = bench.containers.lastLaunch.succeed(7);
  instance.timeZone = "Europe/Berlin";
  await bench.time.settle();
  assert.equal(next(), "2030-01-01T02:00:00.000Z");
  await bench.end(instance);
  assert.equal(next(), "2030-01-01T02:00:00.000Z");
  await bench.time.advance(1000);
  bench.containers.lastLaunch.succeed(8).timeZone = "CET-1CEST";
  await bench.time.settle();
  assert.equal(next(), "2030-01-01T03:00:00.000Z");
  assert.equal(bench.log.lines("CET-1CEST").length, 1);
});

// Registry checks

Deno.test("the registry is checked at every interval", async () => {
  using bench = new Bench();
  await bench.run();
  for (let checks = 1; checks <= 3; checks++) {
    await bench.time.advance(CHECK_INTERVAL * 1000 - 1);
    assert.equal(bench.containers.checks.length, checks - 1);
    await bench.time.advance(1);
    assert.equal(bench.containers.checks.length, checks);
    bench.containers.lastCheck.succeed(fakeDigest("a"));
    await bench.time.settle();
  }
  assert.equal(bench.containers.pulls.length, 1);
});

for (const [random, factor] of [[0, 0.9], [1, 1.1]] as const) {
  Deno.test(`by chance the registry is checked after ${factor} intervals`, async () => {
    using bench = new Bench();
    using _ = fixedRandom(random);
    bench.configure();
    await bench.time.advance(CHECK_INTERVAL * 1000 * factor - 1);
    assert.equal(bench.containers.checks.length, 0);
    await bench.time.advance(2);
    assert.equal(bench.containers.checks.length, 1);
  });
}

Deno.test("a configuration that is read more often than the registry is checked puts off no check", async () => {
  using bench = new Bench();
  await bench.run();
  for (let reloads = 0; reloads < 4; reloads++) {
    await bench.time.advance(CHECK_INTERVAL * 1000 / 2);
    bench.configure();
    if (bench.containers.checks.length > 0) bench.containers.lastCheck.succeed(fakeDigest("a"));
  }
  assert.equal(bench.containers.checks.length, 2);
});

Deno.test("another check interval counts at once", async () => {
  using bench = new Bench();
  await bench.run();
  bench.configure({}, 10);
  assert.equal(bench.time.pending, 1, "the old one is called off");
  await bench.time.advance(10_000);
  assert.equal(bench.containers.checks.length, 1);
});

Deno.test("an image that is named by its digest is not checked", async () => {
  using bench = new Bench();
  const image = parseReference(`http://127.0.0.1:5000/test@${fakeDigest("a")}`);
  await bench.run({ image });
  await bench.time.advance(100 * CHECK_INTERVAL * 1000);
  assert.equal(bench.containers.checks.length, 0);
  bench.configure();
  await bench.time.advance(CHECK_INTERVAL * 1000);
  assert.equal(bench.containers.checks.length, 1);
});

Deno.test("a check that fails again and again is said once, and again after it was good", async () => {
  using bench = new Bench();
  await bench.run();
  const answers = ["down", "down", undefined, "down", "denied"];
  for (const answer of answers) {
    await bench.time.advance(CHECK_INTERVAL * 1000);
    if (answer === undefined) bench.containers.lastCheck.succeed(fakeDigest("a"));
    else bench.containers.lastCheck.fail(new Error(answer));
    await bench.time.settle();
  }
  const text = "Cannot check http://127.0.0.1:5000/test:latest";
  assert.deepEqual(bench.log.lines("Cannot check"), [
    `warning web: ${text}: down; what runs keeps running`,
    `warning web: ${text}: down; what runs keeps running`,
    `warning web: ${text}: denied; what runs keeps running`,
  ]);
  assert.equal(bench.lastError, `${text}: denied`);
  assert.equal(bench.driver.status().state, "running");
});

Deno.test("a configuration that is read during a check does not lose its answer", async () => {
  using bench = new Bench();
  await bench.run();
  await bench.time.advance(CHECK_INTERVAL * 1000);
  bench.configure();
  bench.containers.lastCheck.succeed(fakeDigest("b"));
  await bench.time.settle();
  assert.equal(bench.containers.pulls.length, 2);
});

Deno.test("the answer to a check of another image than the one that is wanted now counts nothing", async () => {
  using bench = new Bench();
  await bench.run();
  await bench.time.advance(CHECK_INTERVAL * 1000);
  bench.configure({ image: parseReference("http://127.0.0.1:5000/other") });
  await bench.pulled("c");
  await bench.started();
  bench.containers.checks[0]!.succeed(fakeDigest("b"));
  await bench.time.settle();
  assert.equal(bench.containers.pulls.length, 2);
  assert.equal(bench.driver.status().state, "running");
});

for (const reload of [false, true]) {
  const when = reload ? ", even if the configuration was read meanwhile" : "";
  Deno.test(`removal calls off a check${when}`, async () => {
    using bench = new Bench();
    await bench.run();
    await bench.time.advance(CHECK_INTERVAL * 1000);
    if (reload) bench.configure();
    const check = bench.containers.lastCheck;
    bench.remove();
    assert.equal(check.signal.aborted, true);
    check.fail(check.signal.reason);
    await bench.time.advance(10 * CHECK_INTERVAL * 1000);
    assert.equal(bench.lastError, undefined);
    assert.equal(bench.containers.checks.length, 1);
    assert.equal(bench.time.pending, 0);
  });
}

// Update on request

Deno.test("update says when there is nothing new", async () => {
  using bench = new Bench();
  await bench.run();
  const update = bench.driver.update();
  bench.containers.lastCheck.succeed(fakeDigest("a"));
  assert.equal(await update, "up to date");
  assert.equal(bench.containers.pulls.length, 1);
});

Deno.test("update says why the registry could not be asked, and does not say it for ever", async () => {
  using bench = new Bench();
  await bench.run();
  const failing = bench.driver.update();
  bench.containers.lastCheck.fail(new Error("down"));
  assert.equal(await failing, "Cannot check http://127.0.0.1:5000/test:latest: down");
  const working = bench.driver.update();
  bench.containers.lastCheck.succeed(fakeDigest("a"));
  assert.equal(await working, "up to date");
});

Deno.test("an update while the registry is being asked asks again, since that answer may be older; one question does for all who wait", async () => {
  using bench = new Bench();
  await bench.run();
  const updates = [1, 2, 3].map(() => bench.driver.update());
  await bench.time.settle();
  assert.equal(bench.containers.checks.length, 1);
  bench.containers.lastCheck.succeed(fakeDigest("a"));
  assert.equal(await updates[0], "up to date");
  await bench.time.settle();
  assert.equal(bench.containers.checks.length, 2);
  bench.containers.lastCheck.succeed(fakeDigest("b"));
  assert.deepEqual(await Promise.all(updates.slice(1)), [
    "a new release is being brought in",
    "a new release is being brought in",
  ]);
  assert.equal(bench.containers.pulls.length, 2);
  const later = bench.driver.update();
  bench.containers.lastCheck.succeed(fakeDigest("b"));
  await later;
  assert.equal(bench.containers.checks.length, 3);
});

Deno.test("a push in the midst of an upgrade is brought in after it", async () => {
  using bench = new Bench();
  await bench.run();
  const first = bench.driver.update();
  bench.containers.lastCheck.succeed(fakeDigest("b"));
  await first;
  const second = bench.driver.update();
  bench.containers.lastCheck.succeed(fakeDigest("c"));
  assert.equal(await second, "a new release is being brought in");
  await bench.pulled("b");
  await bench.started();
  assert.equal(bench.containers.pulls.length, 3);
  await bench.pulled("c");
  await bench.started();
  assert.equal(bench.driver.status().instances.at(-1)?.digest, fakeDigest("c"));
});

Deno.test("update does not wait for the back-off of a failed pull", async () => {
  using bench = new Bench();
  bench.configure();
  bench.containers.lastPull.fail(new Error("down"));
  await bench.time.settle();
  const update = bench.driver.update();
  bench.containers.lastCheck.succeed(fakeDigest("a"));
  assert.equal(await update, "a new release is being brought in");
  assert.equal(bench.containers.pulls.length, 2);
  await bench.time.advance(1000);
  assert.equal(bench.containers.pulls.length, 2, "the back-off's own pull is called off");
});

Deno.test("update of a container that is not to run asks nobody", async () => {
  using bench = new Bench();
  bench.configure({ disabled: true });
  assert.equal(await bench.driver.update(), "not wanted: nothing to update");
  assert.equal(bench.containers.checks.length, 0);
});

// Configuration

Deno.test("the same settings again change nothing", async () => {
  using bench = new Bench();
  const instance = await bench.run({ environment: { A: "1" }, groups: [1, 2] });
  bench.configure({ environment: { A: "1" }, groups: [1, 2] });
  await bench.time.settle();
  assert.equal(bench.containers.pulls.length, 1);
  assert.equal(instance.terms, 0);
});

Deno.test("other settings replace what runs, and the newest ones count", async () => {
  using bench = new Bench();
  const old = await bench.run();
  bench.configure({ uid: 1 });
  const second = bench.containers.lastPull;
  bench.configure({ uid: 2 });
  assert.equal(second.signal.aborted, true);
  second.succeed(fakeImage("a"));
  await bench.time.settle();
  assert.equal(bench.containers.launches.length, 1, "what was called off counts nothing");
  await bench.pulled("a");
  assert.equal(bench.containers.lastLaunch.release.settings.uid, 2);
  await bench.started();
  assert.equal(old.terms, 1);
});

Deno.test("an instance that is called off while it is launched gets TERM once it runs", async () => {
  using bench = new Bench();
  bench.configure();
  await bench.pulled("a");
  bench.remove();
  assert.equal(bench.driver.status().state, "stopping");
  assert.equal(await isSettled(bench.driver.gone, bench.time), false);
  const instance = await bench.started();
  assert.equal(instance.terms, 1);
  assert.equal(await isSettled(bench.driver.gone, bench.time), false);
  await bench.end(instance);
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
  assert.equal(bench.containers.launches.length, 1);
});

Deno.test("an instance that is called off and cannot be launched is gone", async () => {
  using bench = new Bench();
  bench.configure();
  await bench.pulled("a");
  bench.remove();
  bench.containers.lastLaunch.fail(new Error("bad"));
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
});

Deno.test("a removed container gets TERM and all the time it takes", async () => {
  using bench = new Bench();
  const instance = await bench.run();
  bench.remove();
  bench.remove();
  assert.equal(instance.terms, 1);
  assert.equal(bench.driver.status().state, "stopping");
  await bench.time.advance(24 * 60 * MINUTE);
  assert.equal(await isSettled(bench.driver.gone, bench.time), false);
  assert.equal(instance.terms, 1);
  await bench.end(instance);
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
  assert.equal(bench.driver.status().state, "stopped");
  assert.equal(bench.time.pending, 0);
});

Deno.test("removal calls off a pull, and what comes of it counts nothing", async () => {
  using bench = new Bench();
  bench.configure();
  const pull = bench.containers.lastPull;
  bench.remove();
  assert.equal(pull.signal.aborted, true);
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
  const { changes } = bench.containers;
  pull.fail(pull.signal.reason);
  await bench.time.settle();
  assert.equal(bench.lastError, undefined);
  assert.equal(bench.time.pending, 0);
  assert(bench.containers.changes > changes, "the layers that it brought are in nobody's use");
});

Deno.test("removal during back-off calls it off", async () => {
  using bench = new Bench();
  await bench.end(await bench.run());
  bench.remove();
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
  assert.equal(bench.time.pending, 0);
});

Deno.test("removal within the stop delay ends both instances and calls off the delay", async () => {
  using bench = new Bench();
  const old = await bench.run({ stopDelay: 30 });
  bench.configure({ stopDelay: 30, uid: 1 });
  await bench.pulled("a");
  const young = await bench.started();
  bench.remove();
  assert.deepEqual([old.terms, young.terms], [1, 1]);
  assert.equal(bench.time.pending, 0);
});

Deno.test("a container that was disabled for a while is gone only when its new instance is", async () => {
  using bench = new Bench();
  bench.configure({ disabled: true });
  assert.equal(await isSettled(bench.driver.gone, bench.time), true);
  const instance = await bench.run();
  assert.equal(await isSettled(bench.driver.gone, bench.time), false);
  bench.remove();
  const gone = bench.driver.gone;
  assert.equal(await isSettled(gone, bench.time), false);
  await bench.end(instance);
  assert.equal(await isSettled(gone, bench.time), true);

  await bench.run();
  assert.equal(await isSettled(bench.driver.gone, bench.time), false, "the next one");
});

Deno.test("all who wait for a container to be gone hear of it", async () => {
  using bench = new Bench();
  const instance = await bench.run();
  const waiting = [bench.driver.gone, bench.driver.gone];
  bench.remove();
  waiting.push(bench.driver.gone);
  await bench.end(instance);
  for (const gone of waiting) assert.equal(await isSettled(gone, bench.time), true);
});

Deno.test("a container that is wanted again while it leaves is brought up anew beside it", async () => {
  using bench = new Bench();
  const old = await bench.run();
  bench.configure({ disabled: true });
  const gone = bench.driver.gone;
  await bench.run();
  await bench.end(old);
  assert.equal(await isSettled(gone, bench.time), false);
  assert.deepEqual(bench.driver.status().instances.map(({ state }) => state), ["running"]);
  await bench.time.advance(CHECK_INTERVAL * 1000);
  assert.equal(bench.containers.checks.length, 1);
  assert.equal(bench.containers.lastCheck.signal.aborted, false);
});

// Layers, output, status

Deno.test("the layers of all that runs, leaves or is being launched are in use", async () => {
  using bench = new Bench();
  const layers = () => [...new Set<string>(bench.driver.layersInUse)].sort();
  bench.configure();
  assert.deepEqual(layers(), []);
  await bench.pulled("a");
  assert.deepEqual(layers(), [fakeDigest("a")]);
  const first = await bench.started();
  bench.configure({ uid: 1 });
  await bench.pulled("b");
  assert.deepEqual(layers(), [fakeDigest("a"), fakeDigest("b")]);
  const second = await bench.started();
  assert.deepEqual(layers(), [fakeDigest("a"), fakeDigest("b")]);
  await bench.end(first);
  assert.deepEqual(layers(), [fakeDigest("b")]);
  await bench.end(second);
  assert.deepEqual(layers(), [fakeDigest("b")], "it is to be started again from them");
  bench.remove();
  assert.deepEqual(layers(), []);
});

Deno.test("output is logged line by line under the container's id", async () => {
  using bench = new Bench();
  await bench.run();
  const { onLine } = bench.containers.lastLaunch;
  onLine("GET /{id} {line} 200", "stdout");
  onLine("oh: password={x}", "stderr");
  const output = bench.log.records.filter(({ category }) => category[0] === "output");
  assert.deepEqual(
    output.map(({ category, level, message }) => [category[1], level, message.join("")]),
    [["web", "info", "GET /{id} {line} 200"], ["web", "error", "oh: password={x}"]],
  );
});

Deno.test("pids are those of instances that run", async () => {
  using bench = new Bench();
  bench.configure();
  await bench.pulled("a");
  assert.deepEqual(bench.driver.pids, []);
  await bench.started();
  assert.deepEqual(bench.driver.pids, [101]);
});

Deno.test("neither status nor log hold credentials or the environment", async () => {
  using bench = new Bench();
  const credentials = { username: "deploy", password: "s3cret" };
  const instance = await bench.run({ credentials, environment: { KEY: "hush" } });
  bench.configure({ credentials, environment: { KEY: "hush2" } });
  bench.containers.lastPull.fail(new Error("denied"));
  await bench.end(instance);
  const shown = JSON.stringify(bench.driver.status()) + bench.log.lines().join("\n");
  assert.doesNotMatch(shown, /s3cret|deploy|hush/);
});
