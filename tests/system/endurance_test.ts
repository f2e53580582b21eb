import assert from "node:assert/strict";
import { BusyboxRoot } from "../support/busybox_root.ts";
import { collectGarbage } from "../support/collect_garbage.ts";
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

/** Takes the figures of this process without its garbage, of which there may be more or less at any time. */
function ownFigures(): ProcessFigures {
  collectGarbage();
  const figures = figuresOf(Deno.pid);
  console.log(JSON.stringify(figures));
  return figures;
}

function assertNothingGrew(before: ProcessFigures, after: ProcessFigures): void {
  assert.deepEqual([after.zombies, after.children], [0, 0]);
  assert.equal(after.descriptors, before.descriptors);
  assert(after.threads <= before.threads + 2, `threads: ${before.threads} -> ${after.threads}`);
  // 900 launches more: even 16 KiB lost in each would show.
  assert(
    after.privateKiB - before.privateKiB < 14_000,
    `private memory: ${before.privateKiB} -> ${after.privateKiB} KiB`,
  );
}

Deno.test(`${LAUNCHES} launches in a row leave nothing behind`, async () => {
  using root = new BusyboxRoot();
  let before: ProcessFigures | undefined;
  for (let count = 1; count <= LAUNCHES; count++) {
    const { stdout, status } = await root.launch(root.spec("echo here"));
    assert.deepEqual({ stdout, status }, { stdout: ["here"], status: { kind: "exited", code: 0 } });
    if (count === WARM_UP) before = ownFigures();
  }
  assertNothingGrew(before!, ownFigures());
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
  let before: ProcessFigures | undefined;
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
    if (count === WARM_UP) before = ownFigures();
  }
  assertNothingGrew(before!, ownFigures());
  assert.deepEqual(containers.instances, []);
  assert.deepEqual(mountsWith("frontloader.rootfs."), []);
  assert.deepEqual(rootFsDirectories(), []);
});
