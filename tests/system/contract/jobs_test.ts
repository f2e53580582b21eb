/** Jobs in containers that run. Needs root. */
import assert from "node:assert/strict";
import type { ExitStatus } from "../../../ffi/process.ts";
import type { RunningInstance } from "../../../src/container/container_driver.ts";
import type { RunningJob } from "../../../src/container/job_launcher.ts";
import {
  ConfiguredContainers,
  type Launch,
  testInTrees,
} from "../../support/configured_containers.ts";
import { eventually } from "../../support/frontloader.ts";
import { isProcess } from "../../support/machine_facts.ts";
import { childrenOf, figuresOf, mountsWith } from "../../support/process_facts.ts";

/** What a job put out and how it ended. */
interface JobOutcome {
  readonly stdout: string[];
  readonly stderr: string[];
  readonly status: ExitStatus;
}

/** Starts a job and keeps what it puts out. */
async function startJob(
  instance: RunningInstance,
  command: readonly string[],
): Promise<RunningJob & Pick<JobOutcome, "stdout" | "stderr">> {
  const output = { stdout: [] as string[], stderr: [] as string[] };
  const job = await instance.startJob(command, (line, stream) => output[stream].push(line));
  return { ...job, ...output };
}

async function runJob(
  instance: RunningInstance,
  command: readonly string[],
): Promise<JobOutcome> {
  const { stdout, stderr, ended } = await startJob(instance, command);
  return { stdout, stderr, status: await ended };
}

/** A program that says how the kernel sees it, and runs until TERM. */
const PROGRAM = `
  exec 2>&1
  trap 'echo program got TERM; exit 0' TERM
  cat /proc/self/status /proc/self/limits; for n in mnt uts ipc cgroup pid; do readlink /proc/self/ns/$n; done
  echo ready
  while :; do sleep 0.05; done`;
const PROBE =
  "cat /proc/self/status /proc/self/limits; for n in mnt uts ipc cgroup pid; do readlink /proc/self/ns/$n; done";

const OK: ExitStatus = { kind: "exited", code: 0 };

/** Runs the program in a container, and something with it. */
async function withProgram(
  launch: Launch,
  action: (
    instance: RunningInstance,
    place: { readonly lines: readonly string[]; readonly containers: ConfiguredContainers },
  ) => Promise<void>,
): Promise<void> {
  using containers = await ConfiguredContainers.create(launch.tree ?? "busybox");
  const { status } = await containers.run(["/bin/sh", "-c", PROGRAM], {
    ...launch,
    async whileRunning(_pid, lines, instance) {
      try {
        await eventually("it is ready", () => lines.includes("ready") || undefined);
        await action(instance, { lines, containers });
      } finally {
        instance.terminate("TERM");
        await instance.ended;
      }
    },
  });
  assert.deepEqual(status, OK);
}

/** What must be the same of two processes of a container: who they are, not which. */
function identity(lines: readonly string[]): string[] {
  return lines.filter((line) =>
    /^(Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp|SigBlk|SigPnd|Max|\w+:\[\d+\])/.test(line)
  );
}

const kinds: readonly Record<string, unknown>[] = [
  {},
  { capabilities: [] },
  { uid: 1000, gid: 1001, groups: [1001, 27] },
  { uid: 1000, gid: 1000, capabilities: ["NET_BIND_SERVICE", "SYS_NICE"] },
  { capabilities: ["SYS_PTRACE", "SYS_ADMIN"], seccomp: false },
  { hostPid: true },
  { init: false },
  { hostname: "inside" },
];

for (const settings of kinds) {
  testInTrees(
    `a job is who the container's program is, where it is: ${JSON.stringify(settings)}`,
    async (tree) => {
      await withProgram({ settings, tree }, async (instance, { lines }) => {
        const { stdout, stderr, status } = await runJob(instance, ["/bin/sh", "-c", PROBE]);
        assert.deepEqual({ stderr, status }, { stderr: [], status: OK });
        const expected = identity(lines);
        assert(expected.length > 20, lines.join("\n"));
        assert.deepEqual(identity(stdout), expected);
      });
    },
  );
}

testInTrees(
  "a job has the container's root, environment, working directory and host name",
  async (tree) => {
    const launch: Launch = {
      tree,
      settings: {
        hostname: "inside",
        environment: { GREETING: "hello world" },
        files: { "/etc/motd": "of the container" },
      },
      image: { workingDir: "/srv/app", env: ["OF_IMAGE=1"] },
    };
    await withProgram(launch, async (instance) => {
      const script = "cat /etc/motd; echo; pwd; hostname; echo $GREETING $OF_IMAGE $HOME";
      const { stdout } = await runJob(instance, ["/bin/sh", "-c", script]);
      assert.deepEqual(stdout, ["of the container", "/srv/app", "inside", "hello world 1 /root"]);
      // The same root, not one like it.
      await runJob(instance, ["/bin/sh", "-c", "echo left >/tmp/by-a-job"]);
      const { stdout: found } = await runJob(instance, ["/bin/cat", "/tmp/by-a-job"]);
      assert.deepEqual(found, ["left"]);
      const { stderr } = await runJob(instance, ["/bin/sh", "-c", "echo x >/etc/new"]);
      assert.match(stderr.join(), /Read-only/);
    });
  },
);

Deno.test("a job sees the container's processes, and they it, but nothing of the machine's", async () => {
  await withProgram({}, async (instance) => {
    const { stdout } = await runJob(instance, [
      "/bin/sh",
      "-c",
      "ps -o pid,args; readlink /proc/1/exe",
    ]);
    assert.equal(stdout.at(-1), "/memfd:init (deleted)");
    assert(stdout.length < 8, stdout.join("\n"));
    assert(stdout.some((line) => line.includes("sleep")), stdout.join("\n"));
  });
});

Deno.test("a job has descriptors 0, 1 and 2 alone, and reads the end of its input at once", async () => {
  await withProgram({ settings: { uid: 1000, gid: 1000 } }, async (instance) => {
    // ls itself opens the directory it lists, as 3.
    const { stdout } = await runJob(instance, ["/bin/ls", "/proc/self/fd"]);
    assert.deepEqual(stdout, ["0", "1", "2", "3"]);
    const script = "cat; cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr";
    const outcome = await runJob(instance, ["/bin/sh", "-c", script]);
    assert.deepEqual(outcome, { stdout: ["out"], stderr: ["err"], status: OK });
  });
});

Deno.test("a job's calls are filtered like those of the container's program", async () => {
  await withProgram({ settings: { capabilities: [] } }, async (instance) => {
    const { stderr, status } = await runJob(instance, ["/bin/unshare", "-U", "true"]);
    assert.match(stderr.join(), /Operation not permitted/);
    assert.notDeepEqual(status, OK);
  });
  await withProgram({ settings: { capabilities: [], seccomp: false } }, async (instance) => {
    const { stderr } = await runJob(instance, ["/bin/unshare", "-U", "true"]);
    assert.deepEqual(stderr, []);
  });
});

Deno.test("a job's exit status is its own, 128 and its number for a signal", async () => {
  await withProgram({}, async (instance) => {
    for (const [script, code] of [["exit 0", 0], ["exit 42", 42], ["kill -9 $$", 137]] as const) {
      const { status } = await runJob(instance, ["/bin/sh", "-c", script]);
      assert.deepEqual(status, { kind: "exited", code });
    }
  });
});

const failures: readonly [command: string[], message: RegExp][] = [
  [["nonsense"], /Cannot run "nonsense": not found in PATH/],
  [["/bin/no"], /Cannot run "\/bin\/no": not found in the image/],
  [["/etc"], /Cannot run "\/etc": is no file/],
];

Deno.test("a job that cannot be run is an error that says why, and leaves nothing behind", async () => {
  await withProgram({}, async (instance) => {
    const before = figuresOf(Deno.pid).descriptors;
    for (const [command, message] of failures) {
      await assert.rejects(startJob(instance, command), message);
    }
    await eventually("all is closed", () => figuresOf(Deno.pid).descriptors <= before || undefined);
  });
});

Deno.test("TERM reaches the whole process group of a job, and nobody else", async () => {
  await withProgram({}, async (instance, { lines }) => {
    const script =
      "trap 'wait; echo outer; exit 3' TERM; sh -c \"trap 'echo inner; exit' TERM; echo ready; while :; do sleep 0.05; done\" & wait";
    const job = await startJob(instance, ["/bin/sh", "-c", script]);
    await eventually("it is ready", () => job.stdout.includes("ready") || undefined);
    job.terminate();
    assert.deepEqual(await job.ended, { kind: "exited", code: 3 });
    assert.deepEqual(job.stdout, ["ready", "inner", "outer"]);
    assert(!lines.includes("program got TERM"));
  });
});

Deno.test("a TERM that comes as soon as a job runs is not lost", async () => {
  await withProgram({}, async (instance) => {
    for (let count = 0; count < 10; count++) {
      const job = await startJob(instance, ["/bin/sleep", "60"]);
      job.terminate();
      assert.deepEqual(await job.ended, { kind: "exited", code: 143 });
    }
  });
});

Deno.test("what a job leaves running goes on as the container's, and is reaped there", async () => {
  await withProgram({}, async (instance) => {
    const { status } = await runJob(instance, [
      "/bin/sh",
      "-c",
      "setsid sleep 0.2 >/dev/null 2>&1 &",
    ]);
    assert.deepEqual(status, OK);
    await eventually("it has the container's init as its parent, and is reaped", async () => {
      const { stdout } = await runJob(instance, ["/bin/ps", "-o", "ppid,stat,args"]);
      assert(!stdout.some((line) => /\sZ/.test(line)));
      return !stdout.some((line) => line.includes("sleep 0.2")) || undefined;
    });
  });
});

Deno.test("a job ends with its container", async () => {
  using containers = await ConfiguredContainers.create("busybox");
  let ended: Promise<ExitStatus> | undefined;
  await containers.run("echo ready; while [ ! -e /tmp/end ]; do sleep 0.05; done", {
    async whileRunning(_pid, lines, instance) {
      await eventually("it is ready", () => lines.includes("ready") || undefined);
      ended = (await startJob(instance, ["/bin/sleep", "1000"])).ended;
      await runJob(instance, ["/bin/touch", "/tmp/end"]);
    },
  });
  assert.deepEqual(await ended, { kind: "exited", code: 137 });
});

Deno.test("there are no jobs in a container that has ended", async () => {
  using containers = await ConfiguredContainers.create("busybox");
  let instance: RunningInstance | undefined;
  await containers.run(["/bin/true"], { whileRunning: (_pid, _lines, it) => void (instance = it) });
  await assert.rejects(startJob(instance!, ["/bin/true"]), /its container has ended/);
});

Deno.test("nothing in the container can name a job's stage, whatever its capabilities", async () => {
  const settings = { capabilities: ["SYS_PTRACE", "SYS_ADMIN", "DAC_OVERRIDE"], seccomp: false };
  // Looks for a program of the machine behind any process that it can see, as fast as it can.
  const watcher = `
    echo watching
    while [ ! -e /tmp/end ]; do
      for p in /proc/[0-9]*; do
        exe=$(readlink $p/exe)
        case "$exe" in ''|/memfd:init*|/bin/busybox) ;; *) echo "SEEN $exe";; esac
      done
    done`;
  await withProgram({ settings }, async (instance) => {
    const watch = await startJob(instance, ["/bin/sh", "-c", watcher]);
    await eventually("it watches", () => watch.stdout.includes("watching") || undefined);
    for (let count = 0; count < 20; count++) await runJob(instance, ["/bin/true"]);
    await runJob(instance, ["/bin/touch", "/tmp/end"]);
    await watch.ended;
    assert.deepEqual(watch.stdout, ["watching"]);
  });
});

Deno.test("a hundred jobs leave no descriptor, thread, process or mount behind", async () => {
  await withProgram({}, async (instance) => {
    await runJob(instance, ["/bin/true"]);
    const before = figuresOf(Deno.pid);
    // Others on the machine mount things, too.
    const mounts = mountsWith("frontloader");
    for (let round = 0; round < 25; round++) {
      const outcomes = await Promise.all(
        Array.from({ length: 4 }, () => runJob(instance, ["/bin/echo", "done"])),
      );
      for (const { stdout } of outcomes) assert.deepEqual(stdout, ["done"]);
    }
    await eventually("all is given back", () => {
      const { descriptors, children, zombies } = figuresOf(Deno.pid);
      return descriptors <= before.descriptors && children <= before.children && zombies === 0 ||
        undefined;
    });
    assert.deepEqual(mountsWith("frontloader"), mounts);
  });
});

Deno.test("a job's init is a child of this process, outside of the container, and ends with it", async () => {
  await withProgram({}, async (instance) => {
    const job = await startJob(instance, ["/bin/sleep", "1000"]);
    // It leads its process group, and so counts as running, a moment before it is the program.
    const inside = await eventually(
      "the init's child is the program",
      () => childrenOf(job.pid).find(({ args }) => args.join(" ") === "/bin/sleep 1000"),
    );
    assert.equal(
      Deno.readLinkSync(`/proc/${job.pid}/ns/pid`),
      Deno.readLinkSync("/proc/self/ns/pid"),
    );
    assert.equal(
      Deno.readLinkSync(`/proc/${inside.pid}/ns/pid`),
      Deno.readLinkSync(`/proc/${instance.pid}/ns/pid`),
    );
    assert.equal(Deno.readLinkSync(`/proc/${job.pid}/exe`), "/memfd:init (deleted)");
    job.terminate();
    await job.ended;
    assert(!isProcess(inside.pid));
  });
});
