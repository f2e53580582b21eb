/** Jobs of a container that is driven as usual, by a clock that is faster. Needs root. */
import assert from "node:assert/strict";
import { ContainerDriver } from "../../src/container/container_driver.ts";
import { CapturedLog } from "../support/captured_log.ts";
import { ConfiguredContainers } from "../support/configured_containers.ts";
import { eventually } from "../support/frontloader.ts";
import { isProcess } from "../support/machine_facts.ts";
import { descendantsOf } from "../support/process_facts.ts";

/** A program that says when it gets TERM, and ends. */
const PROGRAM = "trap 'echo program ends; exit 0' TERM; echo ready; while :; do sleep 0.02; done";

/** Keeps a container running whose jobs fall due five times a second, whatever their schedule says. */
class Driven implements AsyncDisposable {
  readonly log = new CapturedLog();
  readonly #containers: ConfiguredContainers;
  readonly #driver: ContainerDriver;

  constructor(containers: ConfiguredContainers) {
    this.#containers = containers;
    this.#driver = new ContainerDriver("app", {
      pull: () => Promise.resolve(this.#containers.release(PROGRAM).image),
      resolveDigest: () => Promise.reject(new Error("nobody asks")),
      launch: (release, onLine) => this.#containers.launch(release, onLine),
      missingVolume: () => undefined,
      onChange: () => {},
      nextRun: (_schedule, { after }) => new Date(Math.floor(after.getTime() / 200) * 200 + 200),
    });
  }

  /** Configures the container. */
  configure(settings: Readonly<Record<string, unknown>>): void {
    this.#driver.configure(this.#containers.release(PROGRAM, { settings }).settings, 600);
  }

  get driver(): ContainerDriver {
    return this.#driver;
  }

  /** Waits for a line of the log. */
  line(pattern: RegExp): Promise<string> {
    return eventually(`${pattern}`, () => this.log.lines().find((line) => pattern.test(line)));
  }

  /** How often lines of the log match. */
  count(pattern: RegExp): number {
    return this.log.lines().filter((line) => pattern.test(line)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#driver.configure(undefined, 600);
    await this.#driver.gone;
    this.log[Symbol.dispose]();
  }
}

const schedule = "* * * * *";

Deno.test("output and end of a job are in the log, and in the status", async () => {
  using containers = await ConfiguredContainers.create("busybox");
  await using driven = new Driven(containers);
  driven.configure({
    id: "app",
    cron: [
      { schedule, command: "echo tidy $(id -u) in $(hostname); exit 3" },
      { schedule, command: ["/bin/echo", "of another"] },
    ],
    uid: 1000,
    hostname: "inside",
  });
  await driven.line(/^app\.cron\[0\]\| tidy 1000 in inside$/);
  await driven.line(/^app\.cron\[1\]\| of another$/);
  await driven.line(/^info {4}app: Job cron\[0\] runs pid=\d+ instance=1/);
  await driven.line(/^warning app: Job cron\[0\] ended: exit status 3 pid=/);
  await driven.line(/^info {4}app: Job cron\[1\] ended: exit status 0 pid=/);
  const now = Date.now();
  const { jobs: [first] } = driven.driver.status();
  assert.equal(first!.schedule, schedule);
  assert(Date.parse(first!.next!) > now - 1000);
  // Where it runs longer than usual the next time is skipped, which is then the last that is known.
  await eventually(
    "its result is in the status",
    () => driven.driver.status().jobs[0]!.last?.result === "exit status 3" || undefined,
  );
});

Deno.test("jobs with one lock take turns, and what is skipped is said", async () => {
  using containers = await ConfiguredContainers.create("busybox");
  await using driven = new Driven(containers);
  const command = "mkdir /tmp/lock || echo OVERLAP; sleep 0.3; rmdir /tmp/lock";
  driven.configure({
    id: "app",
    cron: ["a", "b"].map((name) => ({ schedule, command: `${command}; : ${name}`, lock: "l" })),
  });
  await eventually(
    "there were some",
    () => driven.count(/ ended: exit status 0/) >= 3 || undefined,
  );
  await driven.line(/Job cron\[[01]\] is skipped: .* still runs and holds the lock "l"/);
  assert.equal(driven.count(/OVERLAP/), 0);
});

Deno.test("a job gets TERM and the time that it takes before its instance does", async () => {
  using containers = await ConfiguredContainers.create("busybox");
  const driven = new Driven(containers);
  driven.configure({
    id: "app",
    cron: [{
      schedule,
      command:
        "trap 'sleep 0.5; echo job ends; exit 0' TERM; echo job runs; while :; do sleep 0.02; done",
    }],
  });
  await driven.line(/^app\| ready$/);
  await driven.line(/job runs/);
  const { instances: [instance] } = driven.driver.status();
  driven.driver.configure(undefined, 600);
  await driven.driver.gone;
  const lines = driven.log.lines();
  const order = [
    /Job cron\[0\] gets TERM/,
    /\| job ends/,
    /Job cron\[0\] ended: exit status 0/,
    /Instance 1 gets TERM/,
    /Instance 1 ended: exit status 0/,
  ].map((pattern) => lines.findIndex((line) => pattern.test(line)));
  assert(!order.includes(-1), lines.join("\n"));
  assert.deepEqual(order, order.toSorted((a, b) => a - b), lines.join("\n"));
  assert(!isProcess(instance!.pid!));
  await driven[Symbol.asyncDispose]();
});

Deno.test("what replaces an instance runs the jobs from then on, and each once", async () => {
  using containers = await ConfiguredContainers.create("busybox");
  await using driven = new Driven(containers);
  // No two at a time, in whichever instance: they would find each other's directory on the machine.
  const shared = `${containers.directory}/shared`;
  Deno.mkdirSync(shared);
  const settings = {
    id: "app",
    mounts: { "/shared": shared },
    cron: [{
      schedule,
      // A TERM in the middle, at the end of its instance, would leave the directory behind.
      command:
        "trap '' TERM; mkdir /shared/lock || echo OVERLAP; echo by $VERSION; sleep 0.1; rmdir /shared/lock",
    }],
  };
  for (const version of [1, 2, 3]) {
    driven.configure({ ...settings, environment: { VERSION: version } });
    await driven.line(new RegExp(`\\| by ${version}$`));
  }
  assert.equal(driven.count(/OVERLAP/), 0);
  assert.equal(driven.count(/Instance \d runs/), 3);
});

for (const [form, keys] of Object.entries({ usual: {}, hostPid: { hostPid: true } })) {
  Deno.test(`a job that ignores TERM is killed with its instance after the stopTimeout, and everything in it (${form})`, async () => {
    using containers = await ConfiguredContainers.create("busybox");
    await using driven = new Driven(containers);
    const settings = { id: "app", stopBeforeStart: true, stopTimeout: 1, ...keys };
    driven.configure({
      ...settings,
      cron: [{ schedule, command: "trap '' TERM; sleep 1000 & sleep 1000" }],
    });
    const [, pid] = /pid=(\d+)/.exec(await driven.line(/Job cron\[0\] runs/))!;
    const sleepers = await eventually("all its processes run", () => {
      const found = descendantsOf(Number(pid)).filter(({ args }) => args[1] === "1000");
      return found.length === 2 ? found : undefined;
    });
    driven.configure({ ...settings, uid: 1000 });
    await driven.line(/Instance 1 is killed/);
    await driven.line(/Instance 2 runs/);
    await eventually(
      "nothing of the job is left",
      () => !sleepers.some(({ pid }) => isProcess(pid)) || undefined,
    );
  });
}
