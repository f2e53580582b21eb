import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type {
  ContainerSettings,
  MountSettings,
  Settings,
  SyslogSettings,
  VolumeSettings,
} from "../../src/config/settings.ts";
import { Supervisor } from "../../src/supervisor/supervisor.ts";
import type { VolumeStatus } from "../../src/volumes/volume_driver.ts";
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
import { volumeSettings } from "../support/volume_settings.ts";

const RELOAD_INTERVAL = 300;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Settings with containers by id; what is not given is a container like all others. */
function settings(containers: Record<string, Partial<ContainerSettings>>): Settings {
  return {
    containers: Object.entries(containers).map(([id, changes]) =>
      containerSettings({ id, ...changes })
    ),
    volumes: [],
    checkInterval: 600,
    reloadInterval: RELOAD_INTERVAL,
    syslog: [],
    sysctl: {},
  };
}

/** Stands for the digest of the text that says this. */
function digestOf(configuration: Settings): string {
  return `sha256:${createHash("sha256").update(JSON.stringify(configuration)).digest("hex")}`;
}

/** Volumes that note what the supervisor does with them. */
class FakeVolumes {
  /** Paths of the configured ones. */
  configured: string[] = [];
  /** Called when they are configured. */
  onConfigure = () => {};
  /** What containers use of the machine. */
  used: string[] = [];
  stopped = false;

  configure(volumes: readonly VolumeSettings[]): void {
    this.configured = volumes.map(({ path }) => path);
    this.onConfigure();
  }

  setUsed(mounts: readonly MountSettings[]): void {
    this.used = mounts.map(({ outside }) => outside);
  }

  status(): VolumeStatus[] {
    return [];
  }

  stop(): Promise<void> {
    this.stopped = true;
    return Promise.resolve();
  }
}

/** A supervisor whose surroundings are all the test's own. */
class Bench implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  readonly containers = new FakeContainers();
  readonly volumes = new FakeVolumes();
  /** What the configuration says when it is read, or why it cannot be. */
  configuration: Settings | Error = settings({});
  /** How often it was read. */
  reads = 0;
  /** While set, reading it takes until this resolves. */
  gate: Promise<void> | undefined;
  readonly sweeps: string[][] = [];
  /** What was said about where the log goes. */
  readonly logTargets: (readonly SyslogSettings[])[] = [];
  /** What sweeping fails with. */
  sweepError: Error | undefined;
  /** Kernel parameters that were set. */
  readonly parameters: Settings["sysctl"][] = [];
  parameterProblems: string[] = [];
  /** How many pulls had begun whenever they were set. */
  readonly pullsBeforeParameters: number[] = [];
  readonly supervisor: Supervisor;
  readonly #random = fixedRandom(0.5);
  #lastPid = 100;

  constructor() {
    const { pull, resolveDigest, launch, missingVolume } = this.containers;
    this.supervisor = new Supervisor({
      loadSettings: async () => {
        this.reads++;
        const { configuration } = this;
        await this.gate;
        if (configuration instanceof Error) throw configuration;
        return { settings: configuration, digest: digestOf(configuration) };
      },
      setKernelParameters: (parameters) => {
        this.parameters.push(parameters);
        this.pullsBeforeParameters.push(this.containers.pulls.length);
        return this.parameterProblems;
      },
      containers: { pull, resolveDigest, launch, missingVolume },
      volumes: this.volumes,
      forwardLog: (targets) => void this.logTargets.push(targets),
      sweepLayers: (inUse) => {
        this.sweeps.push([...inUse].sort());
        if (this.sweepError !== undefined) throw this.sweepError;
      },
    }, { source: { description: "/etc/frontloader.json" }, version: "1.2.3" });
  }

  [Symbol.dispose](): void {
    this.#random[Symbol.dispose]();
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }

  /** Lets the supervisor read a configuration. */
  async reload(configuration: Settings | Error = this.configuration): Promise<void> {
    this.configuration = configuration;
    await this.supervisor.reload();
    await this.time.settle();
  }

  /** Lets the newest pull bring an image and the launch after it succeed. */
  async up(letter = "a"): Promise<FakeInstance> {
    this.containers.lastPull.succeed(fakeImage(letter));
    await this.time.settle();
    const instance = this.containers.lastLaunch.succeed(++this.#lastPid);
    await this.time.settle();
    return instance;
  }

  async end(instance: FakeInstance): Promise<void> {
    instance.end();
    await this.time.settle();
  }

  /** The states of the containers by id; of one that leaves and is wanted again, both. */
  get states(): string[] {
    return this.supervisor.status().containers.map(({ id, state }) => `${id}: ${state}`);
  }
}

Deno.test("every new configuration says where the log goes, and a bad one does not", async () => {
  using bench = new Bench();
  const target: SyslogSettings = { host: "h", port: 514, transport: "udp", level: "info" };
  await bench.reload({ ...settings({}), syslog: [target] });
  await bench.reload();
  await bench.reload(new Error("unreachable"));
  assert.deepEqual(bench.logTargets, [[target]]);
  await bench.reload(settings({}));
  assert.deepEqual(bench.logTargets, [[target], []]);
});

/** True if `promise` is settled by now. */
async function isSettled(promise: Promise<unknown>, time: FakeTime): Promise<boolean> {
  let settled = false;
  promise.finally(() => settled = true);
  await time.settle();
  return settled;
}

// Volumes

Deno.test("volumes are configured before the containers that may wait for them, at every change", async () => {
  using bench = new Bench();
  const before: number[] = [];
  bench.volumes.onConfigure = () => before.push(bench.containers.pulls.length);
  const first = { ...settings({ a: {} }), volumes: [volumeSettings({ path: "/srv" })] };
  await bench.reload(first);
  assert.deepEqual([bench.volumes.configured, before], [["/srv"], [0]]);
  assert.equal(bench.containers.pulls.length, 1);
  await bench.reload({ ...settings({ a: {}, b: {} }), volumes: [] });
  assert.deepEqual([bench.volumes.configured, before], [[], [0, 1]]);
});

Deno.test("what a container mounts is in use from before its launch to its end, also while it leaves", async () => {
  using bench = new Bench();
  const mounts = [{ inside: "/data", outside: "/srv/a", readOnly: false }];
  await bench.reload(settings({ a: { mounts }, b: {} }));
  assert.deepEqual(bench.volumes.used, []);
  bench.containers.pulls[0]!.succeed(fakeImage("a"));
  await bench.time.settle();
  assert.deepEqual(bench.volumes.used, ["/srv/a"]);
  const instance = bench.containers.lastLaunch.succeed(101);
  await bench.time.settle();
  await bench.reload(settings({ b: {} }));
  assert.deepEqual(bench.volumes.used, ["/srv/a"]);
  await bench.end(instance);
  assert.deepEqual(bench.volumes.used, []);
});

Deno.test("volumes are given up once all containers have ended", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  const instance = await bench.up();
  const stopped = bench.supervisor.stop();
  await bench.time.advance(HOUR);
  assert.equal(bench.volumes.stopped, false);
  await bench.end(instance);
  await stopped;
  assert.equal(bench.volumes.stopped, true);
});

Deno.test("the status of a container that waits for a volume says so, and one that runs does not", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  bench.containers.missing = "/srv";
  assert.deepEqual(bench.states, ['a: pulling, waiting for the volume "/srv"']);
  await bench.up();
  assert.deepEqual(bench.states, ["a: running"]);
});

// Configuration

Deno.test("the first configuration brings up its containers", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {}, b: {}, c: { disabled: true } }));
  assert.deepEqual(bench.containers.pulls.map(({ settings: { id } }) => id), ["a", "b"]);
  assert.deepEqual(bench.states, ["a: pulling", "b: pulling", "c: stopped"]);
});

Deno.test("the configuration is read again at every reload interval", async () => {
  using bench = new Bench();
  await bench.reload();
  await bench.time.advance(RELOAD_INTERVAL * 1000 - 1);
  assert.equal(bench.reads, 1);
  await bench.time.advance(1);
  assert.equal(bench.reads, 2);
  bench.configuration = { ...settings({}), reloadInterval: 60 };
  await bench.time.advance(RELOAD_INTERVAL * 1000);
  assert.equal(bench.reads, 3);
  await bench.time.advance(60_000);
  assert.equal(bench.reads, 4, "the new interval counts at once");
});

Deno.test("a reload that was asked for puts off the next one, and adds none", async () => {
  using bench = new Bench();
  await bench.reload();
  await bench.time.advance(RELOAD_INTERVAL * 1000 - 1);
  await bench.reload();
  assert.equal(bench.reads, 2);
  await bench.time.advance(RELOAD_INTERVAL * 1000 - 1);
  assert.equal(bench.reads, 2);
  await bench.time.advance(1);
  assert.equal(bench.reads, 3);
});

Deno.test("a reload that is asked for while the configuration is being read reads it again", async () => {
  using bench = new Bench();
  await bench.reload();
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.gate = promise;
  const first = bench.supervisor.reload();
  // Too late for the reading that is under way.
  bench.configuration = settings({ a: {} });
  const second = bench.supervisor.reload();
  const third = bench.supervisor.reload();
  assert.equal(bench.reads, 2);
  resolve();
  await Promise.all([first, second, third]);
  assert.equal(bench.reads, 3, "once for both");
  assert.deepEqual(bench.states, ["a: pulling"]);

  const fourth = bench.supervisor.reload();
  const fifth = bench.supervisor.reload();
  await Promise.all([fourth, fifth]);
  assert.equal(bench.reads, 5);
});

Deno.test("a bad configuration is said once, and the last good one stays", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  const instance = await bench.up();
  const problem = new Error("config.json:1:2: containers: unknown key\nconfig.json:3:4: x: wrong", {
    cause: new Error("deeper"),
  });
  await bench.reload(problem);
  await bench.reload(problem);
  await bench.time.advance(60 * MINUTE);
  assert.deepEqual(bench.log.lines("error "), [
    "error   supervisor: config.json:1:2: containers: unknown key",
    "error   supervisor: config.json:3:4: x: wrong",
    "error   supervisor: deeper",
    "error   supervisor: Cannot apply the configuration /etc/frontloader.json: " +
    "the last good one stays in force; it is read again with back-off",
  ]);
  assert.equal(instance.terms, 0);
  assert.deepEqual(bench.states, ["a: running"]);
  const { appliedAt, readAt, lastError } = bench.supervisor.status().configuration;
  assert.equal(appliedAt, "2030-01-01T00:00:00.000Z");
  assert.equal(readAt, "2030-01-01T00:00:00.000Z");
  assert(lastError!.at > "2030-01-01T00:55", "the time of the last try");
  assert.match(lastError!.message, /unknown key[^]*wrong: deeper$/);
});

Deno.test("a configuration that says the same as before changes nothing, and counts as read", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  await bench.up();
  await bench.time.advance(1000);
  await bench.reload(settings({ a: {} }));
  await bench.reload(new Error("unreachable"));
  await bench.time.advance(1000);
  await bench.reload(settings({ a: {} }));
  const { appliedAt, readAt, lastError } = bench.supervisor.status().configuration;
  assert.equal(appliedAt, "2030-01-01T00:00:00.000Z");
  assert.equal(readAt, "2030-01-01T00:00:02.000Z");
  assert.equal(lastError, undefined);
  assert.equal(bench.containers.launches.length, 1);
});

Deno.test("another problem is said, too, and that all is well again", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  await bench.reload(new Error("one"));
  await bench.reload(new Error("two"));
  await bench.reload(settings({ a: {} }));
  await bench.reload(settings({ a: {} }));
  await bench.reload(new Error("two"));
  const said = bench.log.lines("supervisor:").filter((line) => !line.includes("Cannot apply"));
  assert.deepEqual(said, [
    "error   supervisor: one",
    "error   supervisor: two",
    "info    supervisor: The configuration is good again",
    "error   supervisor: two",
  ]);
  assert.equal(bench.containers.pulls.length, 1);
});

Deno.test("without a first good configuration nothing runs, and it is read with back-off", async () => {
  using bench = new Bench();
  await bench.reload(new Error("unreachable"));
  assert.equal(bench.log.lines("nothing runs until it is good").length, 1);
  assert.equal(bench.supervisor.status().configuration.appliedAt, undefined);
  for (const seconds of [1, 2, 4, 8, 16, 30, 30, 30]) {
    const { reads } = bench;
    await bench.time.advance(seconds * 1000 - 1);
    assert.equal(bench.reads, reads, `earlier than after ${seconds} s`);
    await bench.time.advance(1);
    assert.equal(bench.reads, reads + 1, `not after ${seconds} s`);
  }
  bench.configuration = settings({ a: {} });
  await bench.time.advance(300_000);
  assert.deepEqual(bench.states, ["a: pulling"]);
});

Deno.test("the back-off of a bad configuration is never longer than the reload interval", async () => {
  using bench = new Bench();
  await bench.reload({ ...settings({}), reloadInterval: 3 });
  bench.configuration = new Error("bad");
  await bench.time.advance(3000 + 1000 + 2000);
  assert.equal(bench.reads, 4);
  await bench.time.advance(3000);
  assert.equal(bench.reads, 5);
});

Deno.test("a configuration that is good again has a clean record", async () => {
  using bench = new Bench();
  await bench.reload(new Error("bad"));
  await bench.time.advance(1000 + 2000);
  assert.equal(bench.reads, 3);
  await bench.reload(settings({}));
  await bench.time.advance(RELOAD_INTERVAL * 1000 - 1);
  assert.equal(bench.reads, 4);
  bench.configuration = new Error("bad");
  await bench.time.advance(1);
  assert.equal(bench.reads, 5);
  await bench.time.advance(1000);
  assert.equal(bench.reads, 6);
});

// Containers

Deno.test("containers are added, removed, changed, and left alone", async () => {
  using bench = new Bench();
  await bench.reload(settings({ stays: {} }));
  const stays = await bench.up();
  await bench.reload(settings({ stays: {}, goes: {} }));
  const goes = await bench.up();
  await bench.reload(settings({ stays: {}, goes: {}, changes: {} }));
  const changes = await bench.up();
  assert.equal(bench.containers.pulls.length, 3);

  await bench.reload(settings({ stays: {}, changes: { uid: 1 }, comes: {} }));
  assert.deepEqual(
    bench.containers.pulls.slice(3).map(({ settings: { id, uid } }) => [id, uid]),
    [["changes", 1], ["comes", 0]],
  );
  assert.deepEqual([stays.terms, goes.terms, changes.terms], [0, 1, 0]);
  assert.deepEqual(bench.states, [
    "stays: running",
    "changes: running, pulling",
    "comes: pulling",
    "goes: stopping",
  ]);
  bench.containers.pulls[3]!.succeed(fakeImage("b"));
  await bench.time.settle();
  bench.containers.lastLaunch.succeed(200);
  await bench.time.settle();
  assert.deepEqual([stays.terms, goes.terms, changes.terms], [0, 1, 1]);

  await bench.end(goes);
  assert.deepEqual(bench.states.map((state) => state.split(":")[0]), ["stays", "changes", "comes"]);
  assert.deepEqual(bench.log.lines("supervisor:"), [
    "info    supervisor: Container goes is new in the configuration",
    "info    supervisor: Container changes is new in the configuration",
    "info    supervisor: Container goes was removed from the configuration",
    "info    supervisor: Container comes is new in the configuration",
  ]);
});

Deno.test("the order of the containers is no change", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {}, b: {} }));
  await bench.reload(settings({ b: {}, a: {} }));
  assert.equal(bench.containers.pulls.length, 2);
});

Deno.test("a container that is removed and comes back while it leaves is brought up beside it", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  const old = await bench.up();
  await bench.reload(settings({}));
  await bench.reload(settings({ a: {} }));
  const young = await bench.up();
  assert.deepEqual(bench.states, ["a: running"]);
  assert.deepEqual(
    bench.supervisor.status().containers[0]!.instances.map(({ state }) => state),
    ["leaving", "running"],
  );
  assert.deepEqual([old.terms, young.terms], [1, 0]);

  const stopped = bench.supervisor.stop();
  await bench.end(young);
  assert.equal(await isSettled(stopped, bench.time), false, "the old one still runs");
  await bench.end(old);
  assert.equal(await isSettled(stopped, bench.time), true);
});

Deno.test("a container that is removed and comes back while it leaves waits for its end if it runs alone", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: { stopBeforeStart: true } }));
  const old = await bench.up();
  await bench.reload(settings({}));
  await bench.reload(settings({ a: { stopBeforeStart: true } }));
  bench.containers.lastPull.succeed(fakeImage("a"));
  await bench.time.advance(HOUR);
  assert.equal(bench.containers.launches.length, 1);
  await bench.end(old);
  assert.equal(bench.containers.launches.length, 2);
});

Deno.test("what goes wrong in one container does not touch another", async () => {
  using bench = new Bench();
  await bench.reload(settings({ good: {} }));
  const good = await bench.up();
  await bench.reload(settings({ good: {}, bad: {} }));
  for (let i = 0; i < 5; i++) {
    bench.containers.lastPull.fail(new Error("no such image"));
    await bench.time.advance(5 * MINUTE);
  }
  assert(bench.containers.pulls.length > 5);
  assert.deepEqual(bench.states, ["good: running", "bad: pulling"]);
  assert.equal(good.terms, 0);
});

// Update

Deno.test("update asks for one container, for all, or says that there is none", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {}, b: {}, off: { disabled: true } }));
  assert.equal(await bench.supervisor.update("c"), undefined);
  assert.equal(await bench.supervisor.update(""), undefined);
  assert.equal(bench.containers.checks.length, 0);

  const one = bench.supervisor.update("b");
  assert.equal(bench.containers.checks.length, 1);
  bench.containers.lastCheck.fail(new Error("down"));
  assert.deepEqual(await one, { b: "Cannot check http://127.0.0.1:5000/test:latest: down" });

  const all = bench.supervisor.update(undefined);
  assert.equal(bench.containers.checks.length, 3);
  for (const check of bench.containers.checks.slice(1)) check.succeed(fakeDigest("a"));
  assert.deepEqual(await all, {
    a: "a new release is being brought in",
    b: "a new release is being brought in",
    off: "not wanted: nothing to update",
  });
});

// Layers

Deno.test("layers are swept once after a group of changes, with all that is in use", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  await bench.up("a");
  await bench.reload(settings({ a: {}, b: {} }));
  const b = await bench.up("b");
  assert.deepEqual(bench.sweeps, []);
  await bench.time.advance(1000);
  assert.deepEqual(bench.sweeps, [[fakeDigest("a"), fakeDigest("b")]]);

  await bench.reload(settings({ a: {} }));
  await bench.time.advance(1000);
  assert.deepEqual(
    bench.sweeps.at(-1),
    [fakeDigest("a"), fakeDigest("b")],
    "b leaves, and runs until then",
  );
  await bench.end(b);
  await bench.time.advance(1000);
  assert.deepEqual(bench.sweeps.at(-1), [fakeDigest("a")]);
});

Deno.test("layers that cannot be swept are said, and tried again after the next change", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  bench.sweepError = new Error("Cannot remove a layer", { cause: new Error("EBUSY") });
  await bench.time.advance(1000);
  assert.equal(bench.sweeps.length, 1);
  assert.equal(bench.log.lines("Cannot remove a layer: EBUSY").length, 1);
  bench.sweepError = undefined;
  await bench.up();
  await bench.time.advance(1000);
  assert.equal(bench.sweeps.length, 2);
});

// Stop

Deno.test("stop sends TERM once and waits however long it takes", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  const a = await bench.up();
  await bench.reload(settings({ a: {}, b: {} }));
  const b = await bench.up();
  const stopped = bench.supervisor.stop();
  assert.equal(bench.supervisor.stop(), stopped);
  assert.deepEqual([a.terms, b.terms], [1, 1]);

  await bench.end(a);
  await bench.time.advance(3 * HOUR);
  assert.equal(await isSettled(stopped, bench.time), false);
  assert.equal(b.terms, 1);
  assert.equal(bench.reads, 2, "no configuration is read any more");
  await bench.end(b);
  assert.equal(await isSettled(stopped, bench.time), true);
  assert.equal(bench.time.pending, 0, "nothing keeps the program from ending");
});

Deno.test("a slow stop says every minute what it waits for", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  const instance = await bench.up();
  const stopped = bench.supervisor.stop();
  await bench.time.advance(3 * MINUTE);
  assert.deepEqual(
    bench.log.lines("Still waiting"),
    Array(3).fill("info    supervisor: Still waiting for containers to end pids=[101]"),
  );
  await bench.end(instance);
  await stopped;
});

Deno.test("stop waits for a container that was disabled before it ran", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: { disabled: true } }));
  await bench.reload(settings({ a: {} }));
  const instance = await bench.up();
  const stopped = bench.supervisor.stop();
  assert.equal(await isSettled(stopped, bench.time), false);
  assert.deepEqual(bench.supervisor.status().containers.map(({ state }) => state), ["stopping"]);
  await bench.end(instance);
  assert.equal(await isSettled(stopped, bench.time), true);
});

Deno.test("stop waits for a container that was removed before", async () => {
  using bench = new Bench();
  await bench.reload(settings({ a: {} }));
  const instance = await bench.up();
  await bench.reload(settings({}));
  const stopped = bench.supervisor.stop();
  assert.equal(await isSettled(stopped, bench.time), false);
  await bench.end(instance);
  assert.equal(await isSettled(stopped, bench.time), true);
});

Deno.test("stop calls off pulls, back-offs and starts", async () => {
  using bench = new Bench();
  await bench.reload(settings({ pulls: {}, waits: {}, starts: {} }));
  const [pulls, waits, starts] = bench.containers.pulls;
  waits!.fail(new Error("down"));
  starts!.succeed(fakeImage("a"));
  await bench.time.settle();
  const stopped = bench.supervisor.stop();
  assert.equal(pulls!.signal.aborted, true);
  assert.equal(await isSettled(stopped, bench.time), false, "what is being launched is waited for");
  const instance = bench.containers.lastLaunch.succeed(101);
  await bench.time.settle();
  assert.equal(instance.terms, 1);
  await bench.end(instance);
  assert.equal(await isSettled(stopped, bench.time), true);
  assert.equal(bench.time.pending, 0);
});

Deno.test("a configuration that arrives after stop brings nothing up", async () => {
  for (const configuration of [settings({ a: {}, b: {} }), new Error("bad")]) {
    using bench = new Bench();
    await bench.reload(settings({ a: {} }));
    const a = await bench.up();
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.gate = promise;
    bench.configuration = configuration;
    const reload = bench.supervisor.reload();
    const stopped = bench.supervisor.stop();
    resolve();
    await reload;
    await bench.reload();
    assert.equal(bench.containers.pulls.length, 1);
    assert.deepEqual(bench.log.lines("error "), []);
    await bench.end(a);
    await stopped;
    assert.equal(bench.time.pending, 0);
  }
});

Deno.test("stop before the first configuration ends at once", async () => {
  using bench = new Bench();
  bench.gate = new Promise(() => {});
  bench.supervisor.reload();
  assert.equal(await isSettled(bench.supervisor.stop(), bench.time), true);
  assert.equal(bench.time.pending, 0);
});

// Status

Deno.test("status says what runs, since when, from which digest", async () => {
  using bench = new Bench();
  await bench.time.advance(1000);
  await bench.reload(settings({ a: {} }));
  await bench.time.advance(1000);
  await bench.up();
  assert.deepEqual(bench.supervisor.status(), {
    version: "1.2.3",
    pid: Deno.pid,
    since: "2030-01-01T00:00:00.000Z",
    configuration: {
      source: "/etc/frontloader.json",
      digest: digestOf(settings({ a: {} })),
      appliedAt: "2030-01-01T00:00:01.000Z",
      readAt: "2030-01-01T00:00:01.000Z",
      lastError: undefined,
      problems: [],
    },
    volumes: [],
    containers: [{
      id: "a",
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
    }],
  });
});

Deno.test("kernel parameters that cannot be set are told of in log and status, and containers run nevertheless", async () => {
  using bench = new Bench();
  bench.parameterProblems = ["Cannot set it"];
  await bench.reload({ ...settings({ a: {} }), sysctl: { "a.b": "1" } });
  assert.deepEqual(bench.parameters, [{ "a.b": "1" }]);
  assert.deepEqual(bench.log.lines("Cannot set it"), ["error   supervisor: Cannot set it"]);
  assert.deepEqual(bench.supervisor.status().configuration.problems, ["Cannot set it"]);
  assert.deepEqual(bench.states, ["a: pulling"]);
  bench.parameterProblems = [];
  await bench.reload(settings({ a: {} }));
  assert.deepEqual(bench.supervisor.status().configuration.problems, []);
});

Deno.test("kernel parameters are set before anything is done for the containers, at every change", async () => {
  using bench = new Bench();
  await bench.reload({ ...settings({ a: {} }), sysctl: { "a.b": "1" } });
  await bench.reload({ ...settings({ a: {}, b: {} }), sysctl: { "a.b": "2" } });
  assert.deepEqual(bench.pullsBeforeParameters, [0, 1]);
  assert.equal(bench.containers.pulls.length, 2);
});

Deno.test("kernel parameters are set only when a configuration is applied", async () => {
  using bench = new Bench();
  await bench.reload(settings({}));
  await bench.reload(settings({}));
  await bench.reload(new Error("bad"));
  assert.equal(bench.parameters.length, 1);
});

Deno.test("neither status nor log hold a secret", async () => {
  using bench = new Bench();
  const secret = {
    credentials: { username: "deploy", password: "s3cret" },
    environment: { KEY: "hush" },
    command: ["/bin/server", "--token=hush"],
  } as const;
  await bench.reload(settings({ a: secret }));
  await bench.up();
  await bench.reload(settings({ a: { ...secret, uid: 1 }, b: secret }));
  await bench.reload(settings({ b: secret }));
  const shown = JSON.stringify(bench.supervisor.status()) + bench.log.lines().join("\n");
  assert.doesNotMatch(shown, /s3cret|deploy|hush/);
});
