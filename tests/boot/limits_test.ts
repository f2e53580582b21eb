/** What limits do, on a machine that has the cgroups they need, and lets its root raise what this one does not. */
import assert from "node:assert/strict";
import type { SupervisorStatus } from "../../src/supervisor/supervisor.ts";
import { pushBusyboxImage } from "../support/busybox_image.ts";
import { eventually } from "../support/frontloader.ts";
import { PATIENCE_MS } from "../support/guest/guest_shell.ts";
import { Guest } from "../support/guest/guest.ts";
import { GuestNetwork } from "../support/guest/guest_network.ts";
import { GuestRoot } from "../support/guest/guest_root.ts";
import { startRegistry } from "../support/registry_server.ts";

const CONFIGURATION = "/etc/configuration.json";
/** Where the cgroups of instances are. */
const CGROUPS = "/sys/fs/cgroup/run-frontloader";
/** Takes 200 MB of memory at once. */
const HOG = "dd if=/dev/zero of=/dev/null bs=200M count=1";

/** Commands are the shell's own where they can be: what is limited is hardly fit for more. */
const CONTAINERS = [
  {
    id: "small",
    cron: [{
      schedule: "* * * * *",
      command: 'read max </sys/fs/cgroup/pids.max; echo "$max, $(ulimit -n)"',
    }],
    limits: { memory: "16M", cpu: 0.5, pids: 10, filedescriptors: 1_000_000 },
    command: `cd /sys/fs/cgroup
      echo "in $(cat /proc/self/cgroup) of $(wc -l </proc/self/cgroup)"
      for file in memory.max memory.swap.max memory.oom.group cpu.max pids.max; do
        echo "$file is $(cat $file)"
      done
      echo "peak $(cat memory.peak)"
      echo 11 2>/dev/null >pids.max || echo "pids.max cannot be written"
      mkdir below 2>/dev/null || echo "no cgroup can be made"
      echo "$(ulimit -S -n) and $(ulimit -H -n) open files"
      exec sleep 1000`,
  },
  { id: "hog", limits: { memory: "32M" }, command: `exec ${HOG}` },
  {
    id: "survivor",
    limits: { memory: "32M", pids: 20 },
    command: `${HOG}; echo "hog: $?"
      (for i in $(seq 100); do sleep 1000 & done)
      read count </sys/fs/cgroup/pids.current
      echo "processes: $count"
      exec sleep 1000`,
  },
  {
    id: "busy",
    init: false,
    limits: { cpu: 0.2, pids: 1 },
    command: `while :; do
        while read name value; do
          [ $name = nr_throttled ] && [ $value -gt 0 ] && echo "throttled" && exec sleep 1000
        done </sys/fs/cgroup/cpu.stat
      done`,
  },
  { id: "tiny", limits: { memory: "256K" }, command: "echo started" },
];

/** A machine that runs the containers. */
class Machine implements AsyncDisposable {
  readonly guest: Guest;
  readonly #stack: AsyncDisposableStack;

  private constructor(guest: Guest, stack: AsyncDisposableStack) {
    this.guest = guest;
    this.#stack = stack;
  }

  static async boot(): Promise<Machine> {
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await GuestNetwork.create());
    const registry = stack.use(
      network.inside(() => startRegistry({ hostname: network.address })),
    );
    await pushBusyboxImage(registry, { repository: "busybox", tag: "latest" });
    const manifest = `${registry.origin}/v2/busybox/manifests/latest`;
    const containers = CONTAINERS.map((container) => ({ manifest, ...container }));
    const root = stack.use(
      await GuestRoot.build({ files: { [CONFIGURATION]: JSON.stringify({ containers }) } }),
    );
    const guest = stack.use(new Guest({ root, network, words: [`FL_URL=${CONFIGURATION}`] }));
    return new Machine(guest, stack.move());
  }

  /** Waits for a line that a container has put out. */
  async output(id: string, line: string): Promise<void> {
    const escaped = line.replaceAll(/[.*+?()|[\]]/g, "\\$&");
    await this.guest.waitForLine(new RegExp(` ${id}\\| ${escaped}$`));
  }

  /** Waits for a line about a container in Frontloader's log. */
  async log(id: string, text: RegExp): Promise<void> {
    await this.guest.waitForLine(new RegExp(` ${id}: ${text.source}`));
  }

  async status(id: string): Promise<SupervisorStatus["containers"][number]> {
    const text = await this.guest.run(
      "DENO_DIR=/tmp/deno NO_COLOR=1 deno run --quiet -A --no-config --no-lock --cached-only /frontloader/main.js status --json",
    );
    const { containers }: SupervisorStatus = JSON.parse(text);
    return containers.find((container) => container.id === id)!;
  }

  /** The cgroups of a container's instances. */
  async cgroups(id: string): Promise<string[]> {
    const names = (await this.guest.run(`ls ${CGROUPS}`)).split("\n");
    return names.filter((name) => name.startsWith(`${id}.`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

Deno.test("limits", async (t) => {
  await using machine = await Machine.boot();
  const { guest } = machine;

  await t.step("a container of 16 MB starts, and sees its limits", async () => {
    for (
      const line of [
        "in 0::/ of 1",
        "memory.max is 16777216",
        "memory.swap.max is 0",
        "memory.oom.group is 0",
        "cpu.max is 50000 100000",
        "pids.max is 10",
      ]
    ) await machine.output("small", line);
  });

  await t.step("what starts a container takes little of its memory", async () => {
    const line = await guest.waitForLine(/ small\| peak \d+$/);
    const peak = Number(/\d+$/.exec(line)![0]);
    assert(peak < 6 * 2 ** 20, `${peak} bytes`);
  });

  await t.step("a container cannot change its limits", async () => {
    await machine.output("small", "pids.max cannot be written");
    await machine.output("small", "no cgroup can be made");
  });

  await t.step("limits.filedescriptors may be above what Frontloader has itself", async () => {
    await machine.output("small", "1000000 and 1000000 open files");
  });

  await t.step(
    "a container that takes more memory than it may is killed, and the log says why",
    async () => {
      await machine.log(
        "hog",
        /Instance \d+ ended: exit status 137: out of memory \(its limit is 32M\) pid=/,
      );
    },
  );

  await t.step("status says so, too", async () => {
    const { message } = await eventually(
      "an error",
      async () => (await machine.status("hog")).lastError,
      PATIENCE_MS,
    );
    assert.match(
      message,
      /^Instance \d+(: a process was killed| ended: exit status 137): out of memory \(its limit is 32M\)$/,
    );
  });

  await t.step(
    "where a process is killed and the container lives on, log and status say so at once",
    async () => {
      await machine.output("survivor", "hog: 137");
      const text = /Instance \d+: a process was killed: out of memory \(its limit is 32M\)/;
      await machine.log("survivor", text);
      const { state, lastError } = await machine.status("survivor");
      assert.equal(state, "running");
      assert.match(lastError!.message, text);
    },
  );

  await t.step("a fork bomb ends at limits.pids", async () => {
    const line = await guest.waitForLine(/ survivor\| processes: \d+$/);
    const count = Number(/\d+$/.exec(line)![0]);
    assert(count > 10 && count <= 20, line);
  });

  await t.step("one process that keeps the CPU busy is throttled by limits.cpu", async () => {
    await machine.output("busy", "throttled");
  });

  await t.step(
    "a container with too little memory to start is a start that fails, and says why",
    async () => {
      await machine.log(
        "tiny",
        /Cannot start instance \d+: out of memory \(its limit is 256K\): The stage process ended: signal 9 \(SIGKILL\)/,
      );
    },
  );

  await t.step("the cgroup of an instance that has ended is gone", async () => {
    await eventually(
      "its cgroup is gone",
      async () => (await machine.cgroups("tiny")).length === 0 || undefined,
      PATIENCE_MS,
    );
    assert.equal((await machine.cgroups("small")).length, 1);
  });

  await t.step("a job has the limits of its container", async () => {
    await guest.waitForLine(/ small\S*\| 10, 1000000$/);
  });

  await t.step("nobody else was affected", async () => {
    const { state, instances } = await machine.status("small");
    assert.deepEqual([state, instances.length], ["running", 1]);
    assert.deepEqual(
      guest.lines.filter((line) => / small: Instance \d+(?: ended|:)/.test(line)),
      [],
    );
  });
});
