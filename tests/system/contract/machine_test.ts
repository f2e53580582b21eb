/** What a container and Frontloader are to the machine that they run on. Needs root. */
import assert from "node:assert/strict";
import { ConfiguredContainers } from "../../support/configured_containers.ts";
import { eventually } from "../../support/frontloader.ts";
import {
  containerStatus,
  FrontloaderFixture,
  untilTerm,
} from "../../support/frontloader_fixture.ts";
import { childrenOf } from "../../support/process_facts.ts";

Deno.test("out of memory, the supervisor is the last to end, and a container cannot put itself before others", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push(
    "test/memory",
    `(echo -500 >/proc/self/oom_score_adj) 2>/dev/null || echo "cannot"\n${untilTerm("runs")}`,
  );
  fixture.configure({ container: { id: "memory", manifest: fixture.image("test/memory") } });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/memory\| runs$/);
  await frontloader.waitForLine(/memory\| cannot$/, 0);
  const score = (pid: number) => Number(Deno.readTextFileSync(`/proc/${pid}/oom_score_adj`));
  // Without CAP_SYS_RESOURCE, as in some containers that tests run in, it stays what it was.
  const [, effective] = /^CapEff:\t(.*)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
  const mayLower = (BigInt(`0x${effective}`) >> 24n & 1n) === 1n;
  assert.equal(score(frontloader.pid), mayLower ? -999 : score(Deno.pid));
  const { instances } = await containerStatus(frontloader, "memory");
  const pid = instances[0]!.pid!;
  const [program] = childrenOf(pid);
  assert.deepEqual([score(pid), score(program!.pid)], [0, 0]);
  await frontloader.stop();
});

Deno.test("a run directory may have any name that a path can have", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("test/odd", untilTerm("runs"));
  fixture.configure({
    container: { id: "odd", manifest: fixture.image("test/odd"), readOnly: false },
  });
  const runDirectory = `${fixture.directory}/a,b:c=d e\\f`;
  const frontloader = fixture.start({ FL_RUN_DIR: runDirectory });
  await frontloader.waitForLine(/odd\| runs$/);
  await frontloader.stop();
  await eventually("nothing is left mounted", () => {
    const mounts = Deno.readTextFileSync("/proc/self/mountinfo");
    return !mounts.includes(fixture.directory) || undefined;
  });
});

Deno.test("a container that leaves a directory of 50,000 levels does not take Frontloader down with it", async () => {
  using containers = await ConfiguredContainers.create("debian");
  const script = "for (1 .. 50_000) { mkdir 'd' or die; chdir 'd' or die } print qq(made\\n)";
  const lines = await containers.output(["perl", "-e", `chdir "/opt"; ${script}`], {
    tree: "debian",
    settings: { readOnly: false },
  });
  assert.deepEqual(lines, ["made"]);
  assert.deepEqual(containers.instances, []);
});
