import assert from "node:assert/strict";
import { kill, Signal } from "../../ffi/process.ts";
import { BusyboxRoot } from "../support/busybox_root.ts";
import { eventually, type RunningFrontloader } from "../support/frontloader.ts";
import { runFrontloader } from "../support/frontloader_command.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { isProcess } from "../support/machine_facts.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

/** The pid in a line such as `web: Instance 1 runs pid=123`. */
function pidIn(line: string): number {
  return Number(/\bpid=(\d+)/.exec(line)![1]);
}

/**
 * Waits until the first instance of a container is ready, by a line that it puts out.
 *
 * @returns its pid
 */
async function startOf(frontloader: RunningFrontloader, id: string, line: string): Promise<number> {
  await frontloader.waitForLine(new RegExp(` ${id}\\| ${line}$`));
  return pidIn(await frontloader.waitForLine(new RegExp(` ${id}: Instance 1 runs `)));
}

Deno.test("a configured container is pulled and run, and its output is in the log with its id", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("shop/web", `echo "a line"\necho "an error" >&2\n${untilTerm("ready")}`);
  fixture.configure({ container: { id: "web", manifest: fixture.image("shop/web") } });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ web\| a line$/);
  await frontloader.waitForLine(/ web\| an error$/);
  await frontloader.waitForLine(/ web\| ready$/);
  const { code } = await frontloader.stop();
  assert.equal(code, 0);
  // What it says while it ends is not lost.
  await frontloader.waitForLine(/ web\| ready ends$/);
  await frontloader.waitForLine(/ web: Instance 1 ended: exit status 0/);
  assert.match(frontloader.lines.at(-1)!, /Stopped$/);
  await fixture.assertNothingLeft();
});

Deno.test("status tells what runs, since when, from which digest", async () => {
  await using fixture = new FrontloaderFixture();
  const digest = await fixture.push("web", untilTerm("ready"));
  fixture.configure({ container: { id: "web", manifest: fixture.image("web") } });
  const before = Date.now();
  const frontloader = fixture.start();
  const pid = await startOf(frontloader, "web", "ready");
  const status = await frontloader.askStatus();
  const { since, configuration, containers, ...rest } = status;
  assert.match(rest.version, /^\d+\.\d+\.\d+/);
  assert.equal(rest.pid, frontloader.pid);
  assert.equal(configuration.source, fixture.configurationFile);
  assert.equal(configuration.lastError, undefined);
  const [container] = containers;
  const [instance] = container!.instances;
  assert.deepEqual(
    { ...container, instances: [{ ...instance, since: undefined }] },
    {
      id: "web",
      state: "running",
      instances: [{
        pid,
        image: `${fixture.registry.origin}/web:latest`,
        digest,
        since: undefined,
        state: "running",
      }],
      failures: 0,
      jobs: [],
    },
  );
  for (const time of [since, configuration.appliedAt, instance!.since]) {
    assert(before - 1000 <= Date.parse(time!) && Date.parse(time!) <= Date.now(), time);
  }
  const text = await frontloader.ask("status");
  assert.match(text, /^web: running$/m);
  assert(text.includes(digest) && text.includes(`pid ${pid}`), text);
});

Deno.test("a container that ends is started again, with back-off, and others are not disturbed", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("crash", "echo up; exit 3");
  await fixture.push("calm", untilTerm("calm"));
  fixture.configure({
    containers: [
      { id: "crash", manifest: fixture.image("crash") },
      { id: "calm", manifest: fixture.image("calm") },
    ],
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ crash: Instance 3 ended: exit status 3/);
  const delays = frontloader.lines.flatMap((line) =>
    / crash: Next try in ([\d.]+) s/.exec(line)?.[1] ?? []
  ).map(Number);
  assert(delays[0]! >= 0.8 && delays[0]! <= 1.2, `${delays}`);
  assert(delays[1]! >= 1.6 && delays[1]! <= 2.4, `${delays}`);
  const { failures, lastError } = await eventually("it waits", async () => {
    const status = await containerStatus(frontloader, "crash");
    return status.state === "waiting to restart" && status.failures >= 3 ? status : undefined;
  });
  assert.match(lastError!.message, new RegExp(`^Instance ${failures} ended: exit status 3`));
  await frontloader.waitForLine(/ calm\| calm$/);
  const calm = frontloader.lines.filter((line) => / calm: Instance \d+ /.test(line));
  assert.equal(calm.length, 1, calm.join("\n"));
});

Deno.test("a push is found by the timer: the new instance is started, then the old one gets TERM", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("version 1"));
  fixture.configure({
    checkInterval: 1,
    container: { id: "web", manifest: fixture.image("web") },
  });
  const frontloader = fixture.start();
  const old = await startOf(frontloader, "web", "version 1");
  const digest = await fixture.push("web", untilTerm("version 2"));
  await frontloader.waitForLine(/ web\| version 2$/);
  await frontloader.waitForLine(/ web: Instance 1 ended: exit status 0/);
  const order = [/Instance 2 runs/, /Instance 1 gets TERM/, /version 1 ends/, /Instance 1 ended/]
    .map((pattern) => frontloader.lines.findIndex((line) => pattern.test(line)));
  assert.deepEqual(order, order.toSorted((a, b) => a - b));
  assert(!isProcess(old));
  const { instances } = await containerStatus(frontloader, "web");
  assert.deepEqual(instances.map((instance) => instance.digest), [digest]);
});

Deno.test("with stopDelay the old instance runs on beside the new one for that long, and gets TERM then", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("version 1"));
  fixture.configure({ container: { id: "web", manifest: fixture.image("web"), stopDelay: 3 } });
  const frontloader = fixture.start();
  const old = await startOf(frontloader, "web", "version 1");
  await fixture.push("web", untilTerm("version 2"));
  await frontloader.ask("update");
  const started = await frontloader.waitForLine(/ web: Instance 2 runs/);
  const told = await frontloader.waitForLine(/ web: Instance 1 gets TERM/);
  const [from, to] = [started, told].map((line) => Date.parse(line.split(" ")[0]!));
  assert(to! - from! >= 2900, `${to! - from!} ms`);
  // It was the old one itself that got it, and had not ended before.
  assert.equal(pidIn(told), old);
  const ends = await frontloader.waitForLine(/ web\| version 1 ends$/);
  assert(frontloader.lines.indexOf(told) < frontloader.lines.indexOf(ends));
  await frontloader.waitForLine(/ web: Instance 1 ended: exit status 0/);
});

Deno.test("update asks the registry at once, for all containers or one", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("a", untilTerm("a 1"));
  await fixture.push("b", untilTerm("b 1"));
  const containers = ["a", "b"].map((id) => ({ id, manifest: fixture.image(id) }));
  fixture.configure({ containers });
  const frontloader = fixture.start();
  await startOf(frontloader, "a", "a 1");
  await startOf(frontloader, "b", "b 1");
  assert.equal(await frontloader.ask("update"), "a: up to date\nb: up to date");
  await fixture.push("a", untilTerm("a 2"));
  await fixture.push("b", untilTerm("b 2"));
  assert.equal(await frontloader.ask("update", "b"), "b: a new release is being brought in");
  await frontloader.waitForLine(/ b\| b 2$/);
  assert(!frontloader.lines.some((line) => line.includes("a 2")));
  assert.match(await frontloader.ask("update"), /^a: a new release is being brought in$/m);
  await frontloader.waitForLine(/ a\| a 2$/);
  await assert.rejects(frontloader.ask("update", "c"), /no container "c"/);
});

Deno.test("SIGHUP: changed containers are replaced, removed ones get TERM, new ones start, others stay", async () => {
  await using fixture = new FrontloaderFixture();
  for (const name of ["same", "changed", "removed", "new"]) {
    await fixture.push(name, untilTerm(`${name} $GREETING`));
  }
  const container = (id: string, GREETING = "1") => ({
    id,
    manifest: fixture.image(id),
    environment: { GREETING },
  });
  fixture.configure({
    containers: [container("same"), container("changed"), container("removed")],
  });
  const frontloader = fixture.start();
  const same = await startOf(frontloader, "same", "same 1");
  const changed = await startOf(frontloader, "changed", "changed 1");
  const removed = await startOf(frontloader, "removed", "removed 1");

  fixture.configure({
    containers: [container("new"), container("changed", "2"), container("same")],
  });
  Deno.kill(frontloader.pid, "SIGHUP");
  await frontloader.waitForLine(/ new\| new 1$/);
  await frontloader.waitForLine(/ changed\| changed 2$/);
  await frontloader.waitForLine(/ changed: Instance 1 ended: exit status 0/);
  await frontloader.waitForLine(/ removed: Instance 1 ended: exit status 0/);
  assert(!isProcess(changed) && !isProcess(removed));

  const { containers } = await frontloader.askStatus();
  assert.deepEqual(containers.map(({ id }) => id).sort(), ["changed", "new", "same"]);
  const { instances } = containers.find(({ id }) => id === "same")!;
  assert.deepEqual(instances.map(({ pid }) => pid), [same]);
  assert.equal(frontloader.lines.filter((line) => / same: Instance/.test(line)).length, 1);
});

Deno.test("a bad configuration is said once, and the last good one stays in force", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("ready"));
  const good = { container: { id: "web", manifest: fixture.image("web") } };
  fixture.configure(good);
  const frontloader = fixture.start();
  const pid = await startOf(frontloader, "web", "ready");

  fixture.configure(`{\n  "container": {\n    "id": "web",\n    "manifesto": "x"\n  }\n}`);
  for (let count = 1; count <= 3; count++) {
    Deno.kill(frontloader.pid, "SIGHUP");
    await eventually(
      `SIGHUP ${count} has arrived`,
      () =>
        frontloader.lines.filter((line) => /as SIGHUP asks/.test(line)).length === count ||
        undefined,
    );
    await eventually(
      "the error is in the status",
      async () => (await frontloader.askStatus()).configuration.lastError,
    );
  }
  const said = (pattern: RegExp) => frontloader.lines.filter((line) => pattern.test(line));
  assert.equal(
    said(/configuration\.json:4:5: .*manifesto/).length,
    1,
    frontloader.lines.join("\n"),
  );
  assert.equal(said(/Cannot apply the configuration .*the last good one stays/).length, 1);
  const { instances } = await containerStatus(frontloader, "web");
  assert.deepEqual(instances.map((instance) => instance.pid), [pid]);

  fixture.configure(good);
  Deno.kill(frontloader.pid, "SIGHUP");
  await frontloader.waitForLine(/The configuration is good again/);
  assert.equal((await frontloader.askStatus()).configuration.lastError, undefined);
  assert.equal(said(/ web: Instance/).length, 1);
});

Deno.test("without a good configuration at the start it waits for one", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("ready"));
  const frontloader = fixture.start();
  await frontloader.waitForLine(/Cannot apply the configuration .*nothing runs until it is good/);
  fixture.configure({ container: { id: "web", manifest: fixture.image("web") } });
  await frontloader.waitForLine(/ web\| ready$/);
});

Deno.test("the control socket and the store are for root alone", async () => {
  await using fixture = new FrontloaderFixture();
  fixture.configure({ containers: [] });
  const frontloader = fixture.start();
  await eventually("it answers", () => frontloader.askStatus());
  const mode = (path: string) => Deno.statSync(`${fixture.runDirectory}/${path}`).mode! & 0o7777;
  assert.deepEqual(
    ["", "store", "frontloader.sock"].map(mode),
    [0o700, 0o700, 0o600],
  );
});

Deno.test("a second Frontloader in the same run directory is refused, and the first goes on", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("ready"));
  fixture.configure({ container: { id: "web", manifest: fixture.image("web") } });
  const first = fixture.start();
  const pid = await startOf(first, "web", "ready");
  const second = fixture.start();
  const { code } = await second.status;
  assert.equal(code, 1);
  assert.match(second.lines.join("\n"), /Cannot use ".*\/run": another Frontloader runs there/);
  const { instances } = await containerStatus(first, "web");
  assert.deepEqual(instances.map((instance) => instance.pid), [pid]);
});

Deno.test("without a running Frontloader, status and update say so", async () => {
  await using fixture = new FrontloaderFixture();
  for (const args of [["status"], ["status", "--json"], ["update"]]) {
    const { code, stderr } = await runFrontloader(args, fixture);
    assert.equal(code, 1);
    assert.match(stderr, /Cannot reach Frontloader at ".*frontloader\.sock": is it running/);
  }
});

Deno.test("TERM stops everything, and a container gets all the time it takes", async () => {
  await using fixture = new FrontloaderFixture();
  using shared = new TemporaryDirectory();
  await fixture.push(
    "slow",
    `trap 'echo stopping; sleep 5; while [ ! -e /shared/end ]; do sleep 0.05; done; echo done; exit 0' TERM
    echo ready; sleep 1000 & wait`,
  );
  await fixture.push("fast", untilTerm("ready"));
  fixture.configure({
    containers: ["slow", "fast"].map((id) => ({
      id,
      manifest: fixture.image(id),
      mounts: { "/shared": shared.path },
    })),
  });
  const frontloader = fixture.start();
  const pids = await Promise.all(["slow", "fast"].map((id) => startOf(frontloader, id, "ready")));
  const before = performance.now();
  const stopping = frontloader.stop();
  await frontloader.waitForLine(/ fast: Instance 1 ended/);
  Deno.writeTextFileSync(`${shared.path}/end`, "");
  const { code } = await stopping;
  const took = performance.now() - before;
  assert.equal(code, 0);
  assert(took >= 5000, `${took} ms`);
  await frontloader.waitForLine(/ slow\| done$/);
  const fast = frontloader.lines.findIndex((line) => / fast: Instance 1 ended/.test(line));
  const slow = frontloader.lines.findIndex((line) => / slow\| done$/.test(line));
  assert(0 <= fast && fast < slow, "the fast one was kept waiting");
  assert(pids.every((pid) => !isProcess(pid)));
  await fixture.assertNothingLeft();
});

Deno.test("TERM is not lost however early it comes", async () => {
  using root = new BusyboxRoot();
  for (let count = 0; count < 30; count++) {
    const { status } = await root.launch(root.spec("sleep 1000"), (pid) => {
      kill(pid, Signal.TERM);
    });
    assert.deepEqual(status, { kind: "exited", code: 143 });
  }
});

Deno.test("an error that nobody has caught is logged, and everything goes on", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("ready"));
  fixture.configure({ container: { id: "web", manifest: fixture.image("web") } });
  const main = new URL("../support/faulty_frontloader.ts", import.meta.url).pathname;
  const frontloader = fixture.start({}, { main });
  await frontloader.waitForLine(/ web\| ready$/);
  kill(frontloader.pid, Signal.USR2);
  await frontloader.waitForLine(/ error +supervisor: Unexpected, .*thrown in a timer/);
  await frontloader.waitForLine(/ error +supervisor: Unexpected, .*rejected in the background/);
  await fixture.push("web", untilTerm("ready again"));
  await frontloader.ask("update");
  await frontloader.waitForLine(/ web\| ready again$/);
  assert.equal((await frontloader.stop()).code, 0);
});
