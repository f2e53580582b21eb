import assert from "node:assert/strict";
import { BusyboxRoot } from "../support/busybox_root.ts";
import { ConfiguredContainers } from "../support/configured_containers.ts";
import { eventually } from "../support/frontloader.ts";
import {
  figuresOf,
  mountsWith,
  type ProcessFigures,
  rootFsDirectories,
} from "../support/process_facts.ts";

const LAUNCHES = 1_000;
/** What the first launches bring with them: code is compiled, buffers reach their size. */
const WARM_UP = 100;

Deno.test(`${LAUNCHES} launches in a row leave nothing behind`, async () => {
  using root = new BusyboxRoot();
  const figures: ProcessFigures[] = [];
  for (let count = 1; count <= LAUNCHES; count++) {
    const { stdout, status } = await root.launch(root.spec("echo here"));
    assert.deepEqual({ stdout, status }, { stdout: ["here"], status: { kind: "exited", code: 0 } });
    if (count === WARM_UP || count % 300 === 0 || count === LAUNCHES) {
      figures.push(figuresOf(Deno.pid));
      console.log(`after ${count} launches: ${JSON.stringify(figures.at(-1))}`);
    }
  }
  const [before, after] = [figures[0]!, figures.at(-1)!];
  assert.equal(after.zombies, 0);
  assert.equal(after.children, 0);
  assert.equal(after.descriptors, before.descriptors);
  assert(after.threads <= before.threads + 2, `threads: ${before.threads} -> ${after.threads}`);
  // 900 launches more: even 16 KiB lost in each would show.
  assert(
    after.privateKiB - before.privateKiB < 14_000,
    `private memory: ${before.privateKiB} -> ${after.privateKiB} KiB`,
  );
  assert.deepEqual(mountsWith("frontloader.rootfs."), []);
  assert.deepEqual(rootFsDirectories(), []);
});

/** Containers that use everything that there is, but for what needs more of the machine than every one has. */
const FULL = {
  uid: 1000,
  gid: 1000,
  groups: [1000, 27],
  capabilities: ["NET_BIND_SERVICE"],
  hostname: "inside",
  limits: { filedescriptors: 4096 },
  tmpfs: ["/run", { path: "/cache", size: "1M" }],
  files: { "/etc/motd": "Hello\n" },
  environment: { FEATURES: { search: true } },
  logEnvironment: true,
};
const FULL_LAUNCHES = 300;

Deno.test(`${FULL_LAUNCHES} launches with all features, and a job in each, leave nothing behind`, async () => {
  using containers = await ConfiguredContainers.create("busybox");
  const mounts = { "/data": `${containers.directory}/instances:ro`, "/names": "/etc/host*" };
  const kinds = [{}, { init: false }, { hostPid: true }, { readOnly: false, seccomp: false }];
  const figures: ProcessFigures[] = [];
  for (let count = 1; count <= FULL_LAUNCHES; count++) {
    const settings = { ...FULL, mounts, ...kinds[count % kinds.length] };
    const said: string[] = [];
    const { stdout } = await containers.run("cat /etc/motd; trap 'exit 0' TERM; sleep 60 & wait", {
      settings,
      async whileRunning(_pid, lines, instance) {
        await eventually("it has said so", () => lines[0]);
        const job = await instance.startJob(["/bin/id", "-u"], (line) => void said.push(line));
        await job.ended;
        instance.kill();
      },
    });
    assert.deepEqual({ stdout, said }, { stdout: ["Hello"], said: ["1000"] });
    if (count === WARM_UP || count === FULL_LAUNCHES) figures.push(figuresOf(Deno.pid));
  }
  console.log(JSON.stringify(figures));
  const [before, after] = [figures[0]!, figures.at(-1)!];
  assert.deepEqual([after.zombies, after.children], [0, 0]);
  assert.equal(after.descriptors, before.descriptors);
  assert(after.threads <= before.threads + 2, `threads: ${before.threads} -> ${after.threads}`);
  assert(
    after.privateKiB - before.privateKiB < 14_000,
    `private memory: ${before.privateKiB} -> ${after.privateKiB} KiB`,
  );
  assert.deepEqual(containers.instances, []);
  assert.deepEqual(mountsWith("frontloader.rootfs."), []);
  assert.deepEqual(rootFsDirectories(), []);
});
