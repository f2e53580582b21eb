import assert from "node:assert/strict";
import {
  cgroupName,
  type CgroupPlace,
  CgroupTree,
} from "../../../src/container/cgroup/cgroup_tree.ts";
import type { CgroupDirectory } from "../../../src/container/cgroup/instance_cgroup.ts";
import { FakeTime } from "../../support/fake_time.ts";
import { MemoryCgroups, refusal } from "../../support/memory_cgroups.ts";

const ROOT = "/sys/fs/cgroup";
const DIRECTORY = `${ROOT}/fl`;
const ALL = ["cpuset", "cpu", "io", "memory", "pids"];
const PID = 50;

/** Opens a tree on a machine where this process is in `own`. */
function open(files: MemoryCgroups, own = "/", changes: Partial<CgroupPlace> = {}) {
  return CgroupTree.open({
    files,
    mountInfo: `26 20 0:24 / ${ROOT} rw - cgroup2 cgroup2 rw\n`,
    ownCgroup: `0::${own}\n`,
    pid: PID,
    name: "fl",
    ...changes,
  });
}

/** A machine as systemd leaves it to a service, which has these processes. */
async function machineOfService(own: string, ...pids: number[]): Promise<MemoryCgroups> {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  let path = ROOT;
  for (const part of own.split("/").slice(1)) {
    for (const controller of ALL) {
      await files.write(`${path}/cgroup.subtree_control`, `+${controller}`);
    }
    path += `/${part}`;
    files.make(path);
  }
  for (const pid of pids) files.addProcess(path, pid);
  return files;
}

Deno.test("an instance has a cgroup with its limits", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  files.addProcess(ROOT, PID);
  const tree = await open(files);
  const cgroup = await tree.make("web.1", { memory: 2 ** 20, cpu: 0.5, pids: 5 });
  assert.equal(cgroup?.path, `${DIRECTORY}/web.1`);
  assert.deepEqual(files.writes, [
    `${DIRECTORY}/web.1/memory.max=1048576`,
    `${DIRECTORY}/web.1/memory.swap.max=0`,
    `${DIRECTORY}/web.1/cpu.max=50000 100000`,
    `${DIRECTORY}/web.1/pids.max=5`,
  ]);
  // In the machine's root processes are in nobody's way.
  assert.equal(files.read(`${ROOT}/cgroup.procs`), `${PID}\n`);
});

Deno.test("an instance without limits has a cgroup, too", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  assert.equal((await tree.make("web.1", {}))?.path, `${DIRECTORY}/web.1`);
  assert.deepEqual(files.writes, []);
});

Deno.test("the cgroup of an instance that has ended is removed, and with the last one all that there was", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  const cgroup = await tree.make("web.1", {});
  tree.remove(cgroup!);
  await tree.close();
  assert.deepEqual(files.paths, []);
});

/** A tree, and the cgroup of an instance `web.1` that was removed while it has a process. */
async function removedWithProcess(pid: number) {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  const cgroup = await tree.make("web.1", {});
  files.addProcess(cgroup!.path, pid);
  tree.remove(cgroup!);
  return { files, tree };
}

Deno.test("a cgroup whose last process is about to end is removed once it has", async () => {
  using time = new FakeTime();
  const { files } = await removedWithProcess(60);
  await time.advance(500);
  assert.deepEqual(files.paths, [DIRECTORY, `${DIRECTORY}/web.1`]);
  files.endProcess(60);
  await time.advance(100);
  assert.deepEqual(files.paths, [DIRECTORY]);
  assert.equal(time.pending, 0);
});

Deno.test("processes that stay are left alone, and their cgroup goes with the next one", async () => {
  using time = new FakeTime();
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  files.make(DIRECTORY);
  files.make(`${DIRECTORY}/left.1`);
  files.addProcess(`${DIRECTORY}/left.1`, 60);
  files.make(`${DIRECTORY}/left.2`);
  const tree = await open(files);
  await time.advance(60_000);
  assert.deepEqual(files.paths, [DIRECTORY, `${DIRECTORY}/left.1`]);
  assert.equal(time.pending, 0);
  const running = await tree.make("web.1", {});
  const ended = await tree.make("web.2", {});
  files.endProcess(60);
  tree.remove(ended!);
  await time.settle();
  assert.deepEqual(files.paths, [DIRECTORY, running!.path]);
});

Deno.test("processes that take long to end leave nothing behind when all is given back", async () => {
  using time = new FakeTime();
  const { files, tree } = await removedWithProcess(60);
  await time.advance(60_000);
  files.endProcess(60);
  assert.deepEqual(files.paths, [DIRECTORY, `${DIRECTORY}/web.1`]);
  await tree.close();
  assert.deepEqual(files.paths, []);
});

Deno.test("a cgroup that is being made is not taken for a leftover", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  const ended = await tree.make("web.1", {});
  const made = tree.make("web.2", { memory: 1, cpu: 1, pids: 1 });
  tree.remove(ended!);
  await made;
  assert.deepEqual(files.paths, [DIRECTORY, `${DIRECTORY}/web.2`]);
});

Deno.test("a service makes room: it moves to a cgroup below its own", async () => {
  const own = "/system.slice/frontloader.service";
  const files = await machineOfService(own, PID);
  const tree = await open(files, own);
  const cgroup = await tree.make("web.1", { memory: 1, cpu: 1, pids: 1 });
  assert.equal(cgroup?.path, `${ROOT}${own}/fl/web.1`);
  assert.equal(files.read(`${ROOT}${own}/supervisor/cgroup.procs`), `${PID}\n`);
});

Deno.test("a service that was restarted, or that systemd has put there, finds itself below already", async () => {
  const own = "/system.slice/frontloader.service";
  const files = await machineOfService(`${own}/supervisor`, PID);
  const tree = await open(files, `${own}/supervisor`);
  assert.equal((await tree.make("web.1", { pids: 1 }))?.path, `${ROOT}${own}/fl/web.1`);
});

Deno.test("the root of a namespace is no root: it makes room there, too", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL, isMachine: false });
  files.addProcess(ROOT, PID);
  const tree = await open(files);
  assert.equal((await tree.make("web.1", { pids: 1 }))?.path, `${DIRECTORY}/web.1`);
  assert.equal(files.read(`${ROOT}/supervisor/cgroup.procs`), `${PID}\n`);
});

interface MissingRow {
  readonly what: string;
  readonly files: MemoryCgroups;
  readonly own?: string;
  readonly place?: Partial<CgroupPlace>;
  readonly reason: RegExp;
}

const missing: readonly MissingRow[] = [
  {
    what: "whose controllers are all in version 1",
    files: new MemoryCgroups(ROOT, { controllers: [] }),
    reason: /"\/sys\/fs\/cgroup\/cgroup.controllers" has none of memory, cpu, pids$/,
  },
  {
    what: "without cgroup v2",
    files: new MemoryCgroups(ROOT, { controllers: ALL }),
    place: { mountInfo: "" },
    reason: /cgroup v2 is not mounted$/,
  },
  {
    what: "where Frontloader shares its cgroup with others",
    files: await machineOfService("/user.slice/session-1.scope", PID, 7, 8),
    own: "/user.slice/session-1.scope",
    reason:
      /shares the cgroup ".*\/session-1.scope" with other processes, 7, 8: it has to be a service of its own$/,
  },
];

for (const { what, files, own, place, reason } of missing) {
  Deno.test(`a limit that needs a cgroup is an error on a machine ${what}, and nothing else is`, async () => {
    const tree = await open(files, own, place);
    const paths = files.paths;
    for (const limits of [{ memory: 1 }, { cpu: 1 }, { pids: 1 }]) {
      await assert.rejects(tree.make("web.1", limits), ({ message }: Error) => {
        assert.match(
          message,
          new RegExp(`^Cannot set "limits.${Object.keys(limits)[0]}" on this machine: `),
        );
        assert.match(message, reason);
        return true;
      });
    }
    assert.equal(await tree.make("web.1", {}), undefined);
    assert.equal(await tree.make("web.1", { filedescriptors: 5 }), undefined);
    await tree.close();
    assert.deepEqual(files.paths, paths);
  });
}

Deno.test("where only one controller is missing the others do", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ["memory", "pids"] });
  const tree = await open(files);
  await assert.rejects(tree.make("web.1", { memory: 1, cpu: 1 }), {
    message:
      'Cannot set "limits.cpu" on this machine: "/sys/fs/cgroup/cgroup.controllers" has no "cpu"',
  });
  assert.notEqual(await tree.make("web.1", { memory: 1, pids: 1 }), undefined);
});

Deno.test("a controller that the kernel does not hand on is missing, with the kernel's reason", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  files.beforeWrite = (path, value) => {
    if (value === "+cpu") throw refusal(path);
  };
  const tree = await open(files);
  await assert.rejects(
    tree.make("web.1", { cpu: 1 }),
    /^Error: Cannot set "limits.cpu" on this machine: Cannot write to ".*cgroup.subtree_control": EINVAL$/,
  );
});

Deno.test("a limit that the kernel refuses is an error that leaves nothing behind", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  files.beforeWrite = (path) => {
    throw refusal(path);
  };
  await assert.rejects(tree.make("web.1", { cpu: 1 }), {
    message: `Cannot write "100000 100000" to "${DIRECTORY}/web.1/cpu.max"`,
  });
  assert.deepEqual(files.paths, [DIRECTORY]);
});

Deno.test("an instance without limits runs without a cgroup where none can be made", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  files.make = (path) => {
    throw refusal(path);
  };
  assert.equal(await tree.make("web.1", {}), undefined);
  await assert.rejects(tree.make("web.1", { pids: 5 }), /EINVAL/);
});

Deno.test("a kernel without swap limits memory all the same", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const { exists } = files;
  files.exists = (path) => !path.endsWith("swap.max") && exists.call(files, path);
  const tree = await open(files);
  await tree.make("web.1", { memory: 1 });
  assert.deepEqual(files.writes, [`${DIRECTORY}/web.1/memory.max=1`]);
});

/** What the kernel counts for an instance, and that it tells of it. */
function tellKills(
  files: MemoryCgroups,
  { path }: CgroupDirectory,
  oom: number,
  kills: number,
): void {
  const text = `oom ${oom}\noom_kill ${kills}\n`;
  files.change(`${path}/memory.events`, text, `${DIRECTORY}/memory.events`);
}

Deno.test("processes that are killed for want of memory are told of while the instance runs, each once", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  const [one, other] = [await tree.make("a.1", { memory: 2 ** 20 }), await tree.make("b.1", {})];
  const told: string[] = [];
  one!.onKill((text) => told.push(`one: ${text}`));
  other!.onKill((text) => told.push(`other: ${text}`));
  const change = (oom: number, kills: number) => tellKills(files, one!, oom, kills);
  change(1, 0);
  assert.deepEqual(told, []);
  change(1, 1);
  change(1, 1);
  assert.deepEqual(told.splice(0), ["one: a process was killed: out of memory (its limit is 1M)"]);
  change(2, 3);
  assert.deepEqual(told.splice(0), [
    "one: 2 processes were killed: out of memory (its limit is 1M)",
  ]);
});

Deno.test("who comes to listen after a process was killed is told of it", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  const cgroup = await tree.make("a.1", {});
  tellKills(files, cgroup!, 2, 2);
  const told: string[] = [];
  cgroup!.onKill((text) => told.push(text));
  tellKills(files, cgroup!, 3, 3);
  assert.deepEqual(told, [
    "2 processes were killed: out of memory (the machine has no more)",
    "a process was killed: out of memory (the machine has no more)",
  ]);
});

Deno.test("how an instance ended is told after its cgroup is gone", async () => {
  const files = new MemoryCgroups(ROOT, { controllers: ALL });
  const tree = await open(files);
  const cgroup = await tree.make("a.1", { memory: 2 ** 20 });
  files.change(`${cgroup!.path}/memory.events`, "oom 1\noom_kill 1\n", "");
  tree.remove(cgroup!);
  assert.deepEqual(files.paths, [DIRECTORY]);
  assert.equal(
    cgroup!.describeEnd({ kind: "exited", code: 137 }),
    "exit status 137: out of memory (its limit is 1M)",
  );
});

Deno.test("each run directory has a cgroup of its own name", () => {
  const directories = ["/run/frontloader", "/run-frontloader", "/run/frontloader-2", "/run/a%2Fb"];
  assert.equal(cgroupName(directories[0]!), "run-frontloader");
  assert.equal(new Set(directories.map(cgroupName)).size, directories.length);
  for (const name of directories.map(cgroupName)) assert.doesNotMatch(name, /\//);
});
