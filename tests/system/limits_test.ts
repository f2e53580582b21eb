/** Limits that a container has from inside. Needs root. */
import assert from "node:assert/strict";
import { descriptorLimit } from "../../ffi/resource_limits.ts";
import { CAPABILITIES } from "../../src/container/capabilities.ts";
import type { LaunchSpec } from "../../src/container/launch_spec.ts";
import { BusyboxRoot } from "../support/busybox_root.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";

const SHOW = "ulimit -S -n; ulimit -H -n";
const MAXIMUM = Number(Deno.readTextFileSync("/proc/sys/fs/nr_open"));
const OWN_HARD_LIMIT = descriptorLimit().hard;
const [, EFFECTIVE] = /^CapEff:\s+(\S+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
/** Not every machine lets its root do it; tests/boot/limits_test.ts has one that does. */
const MAY_RAISE = (BigInt(`0x${EFFECTIVE}`) >> BigInt(CAPABILITIES.CAP_SYS_RESOURCE) & 1n) === 1n;

/** What a shell script in a container puts out. */
async function outputOf(script: string, changes: Partial<LaunchSpec>): Promise<readonly string[]> {
  using root = new BusyboxRoot();
  const { stdout, stderr } = await root.launch(root.spec(script, changes));
  return [...stdout, ...stderr];
}

const own = { uid: 1000, gid: 1000, groups: [1000] };

for (
  const { name, limit, ...user } of [
    { name: "root", limit: 4096 },
    { name: "another user", limit: 4096, ...own },
    { name: "no more than three", limit: 3 },
  ]
) {
  Deno.test(`limits.filedescriptors is both the soft and the hard limit: ${name}`, async () => {
    assert.deepEqual(await outputOf(SHOW, { ...user, openFiles: limit }), [`${limit}`, `${limit}`]);
  });
}

Deno.test("without limits.filedescriptors a container gets what systemd gives, whatever Frontloader has itself", async () => {
  const hard = MAY_RAISE ? 524_288 : Math.min(524_288, OWN_HARD_LIMIT);
  assert.deepEqual(await outputOf(SHOW, own), ["1024", `${hard}`]);
});

Deno.test("more open files than the kernel allows are a start that fails, with the key and the maximum", async () => {
  await assert.rejects(
    outputOf("echo started", { openFiles: MAXIMUM + 1 }),
    ({ message }: Error) => {
      const [first] = message.split("\n");
      assert.equal(
        first,
        `Cannot set "limits.filedescriptors" to ${
          MAXIMUM + 1
        }: this machine's kernel allows ${MAXIMUM} at most (fs.nr_open)`,
      );
      return true;
    },
  );
});

/** Takes cgroups out of sight, as on a machine that has none. */
const WITHOUT_CGROUPS = [
  ...["unshare", "--mount", "--propagation", "private"],
  ...["sh", "-c", 'umount -R /sys/fs/cgroup && exec "$@"', "sh"],
];

Deno.test("a limit that this machine cannot set is a start that fails, with the key, and the old instance stays", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("web"));
  const configure = (limits: object) =>
    fixture.configure({ container: { id: "web", manifest: fixture.image("web"), limits } });
  configure({ filedescriptors: 100 });
  await using frontloader = fixture.start({}, { prefix: WITHOUT_CGROUPS });
  await frontloader.waitForLine(/Instance 1 runs/);
  configure({ filedescriptors: 100, pids: 10 });
  Deno.kill(frontloader.pid, "SIGHUP");
  // It is tried again and again.
  const text =
    /Cannot start instance [2-9]: Cannot set "limits.pids" on this machine: cgroup v2 is not mounted$/;
  assert.match(await frontloader.waitForLine(/Cannot start/), text);
  const { instances: [first], lastError } = await containerStatus(frontloader, "web");
  assert.equal(first?.state, "running");
  assert.match(lastError!.message, text);
  await frontloader.stop();
  await fixture.assertNothingLeft();
});
