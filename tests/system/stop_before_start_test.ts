/** Old instances that have to end before new ones start. Needs root. */
import assert from "node:assert/strict";
import { eventually, type RunningFrontloader } from "../support/frontloader.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { pushBusyboxImage } from "../support/busybox_image.ts";
import { isProcess } from "../support/machine_facts.ts";
import { descendantsOf } from "../support/process_facts.ts";

/** A script that ends on nothing but KILL, or where a file says so; and after ten minutes, should a test forget it. */
function stubborn(line: string): string {
  return `trap '' TERM\necho "${line}"
    i=0; while [ ! -e /out/end ] && [ $i -lt 12000 ]; do sleep 0.05; i=$((i+1)); done`;
}

/** Starts one container that runs alone. */
async function startAlone(
  fixture: FrontloaderFixture,
  script: string,
  keys: object = {},
): Promise<RunningFrontloader> {
  Deno.mkdirSync(`${fixture.directory}/out`);
  await fixture.push("app", script);
  fixture.configure({
    container: {
      id: "app",
      manifest: fixture.image("app"),
      mounts: { "/out": `${fixture.directory}/out` },
      stopBeforeStart: true,
      ...keys,
    },
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ app\| version 1$/);
  return frontloader;
}

/** Asserts that lines of the log came in this order. */
function assertOrder({ lines }: RunningFrontloader, ...patterns: RegExp[]): void {
  const order = patterns.map((pattern) => lines.findIndex((line) => pattern.test(line)));
  assert(!order.includes(-1), lines.join("\n"));
  assert.deepEqual(order, order.toSorted((a, b) => a - b), lines.join("\n"));
}

Deno.test("with stopBeforeStart the new image is pulled, then the old instance ends, then the new one starts", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startAlone(fixture, untilTerm("version 1"));
  await fixture.push("app", untilTerm("version 2"));
  await frontloader.ask("update");
  await frontloader.waitForLine(/Instance 2 runs/);
  const pulled = frontloader.lines.findLastIndex((line) => / app: Pulled /.test(line));
  assert(pulled < frontloader.lines.findIndex((line) => /Instance 1 gets TERM/.test(line)));
  assertOrder(
    frontloader,
    /Instance 1 gets TERM/,
    / app\| version 1 ends/,
    /Instance 1 ended: exit status 0/,
    /Instance 2 runs/,
  );
});

for (const [form, keys] of Object.entries({ usual: {}, hostPid: { hostPid: true } })) {
  Deno.test(`an old instance that ignores TERM is killed after its stopTimeout, and everything in it (${form})`, async () => {
    await using fixture = new FrontloaderFixture();
    const script = `(trap '' TERM; setsid sh -c 'sleep 1000 & sleep 1000') &\n${
      stubborn("version 1")
    }`;
    const frontloader = await startAlone(fixture, script, { stopTimeout: 1, ...keys });
    const { instances: [old] } = await containerStatus(frontloader, "app");
    const processes = await eventually("all its processes run", () => {
      const found = descendantsOf(old!.pid!);
      return found.filter(({ args }) => args[1] === "1000").length === 2 ? found : undefined;
    });
    await fixture.push("app", untilTerm("version 2"));
    await frontloader.ask("update");
    await frontloader.waitForLine(/Instance 2 runs/);
    assertOrder(
      frontloader,
      /Instance 1 gets TERM/,
      /Instance 1 is killed: it has not ended within the stopTimeout/,
      /Instance 1 ended: signal 9 \(SIGKILL\)/,
      /Instance 2 runs/,
    );
    for (const { pid } of processes) {
      await eventually("it is gone", () => !isProcess(pid) || undefined);
    }
  });
}

Deno.test("without stopTimeout an old instance that ignores TERM is not killed, and the new one waits", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startAlone(fixture, stubborn("version 1"));
  await fixture.push("app", untilTerm("version 2"));
  await frontloader.ask("update");
  await frontloader.waitForLine(/Instance 1 gets TERM/);
  const { state, instances } = await containerStatus(frontloader, "app");
  assert.equal(state, "new release waiting for the old one to end");
  assert.deepEqual(instances.map(({ state }) => state), ["leaving"]);
  Deno.writeTextFileSync(`${fixture.directory}/out/end`, "");
  await frontloader.waitForLine(/ app\| version 2$/);
  assert(!frontloader.lines.some((line) => /killed|SIGKILL/.test(line)));
});

Deno.test("a new release that cannot be started brings the old one back", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startAlone(fixture, untilTerm("version 1"));
  const { instances: [old] } = await containerStatus(frontloader, "app");
  await pushBusyboxImage(fixture.registry, {
    repository: "app",
    tag: "latest",
    entrypoint: ["/missing"],
  });
  await frontloader.ask("update");
  await frontloader.waitForLine(/Cannot start instance 2/);
  await frontloader.waitForLine(/Instance 3 runs/);
  const { state, instances, lastError } = await containerStatus(frontloader, "app");
  assert.equal(state, "running, waiting to retry");
  assert.deepEqual(instances.map(({ digest }) => digest), [old!.digest]);
  assert.match(lastError!.message, /Cannot start instance 2/);
  await fixture.push("app", untilTerm("version 2"));
  await frontloader.ask("update");
  await frontloader.waitForLine(/ app\| version 2$/);
});

Deno.test("a container that is disabled and enabled again waits for its old instance", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startAlone(fixture, stubborn("version 1"));
  const configuration = JSON.parse(Deno.readTextFileSync(fixture.configurationFile));
  const set = (changes: object) => {
    fixture.configure({ container: { ...configuration.container, ...changes } });
    Deno.kill(frontloader.pid, "SIGHUP");
  };
  set({ disabled: true });
  await frontloader.waitForLine(/Instance 1 gets TERM/);
  set({});
  await eventually(
    "it waits",
    async () =>
      (await containerStatus(frontloader, "app")).state ===
        "new release waiting for the old one to end" || undefined,
  );
  Deno.writeTextFileSync(`${fixture.directory}/out/end`, "");
  await frontloader.waitForLine(/Instance 2 runs/);
  assertOrder(frontloader, /Instance 1 ended/, /Instance 2 runs/);
});

for (const [form, keys] of Object.entries({ usual: {}, hostPid: { hostPid: true } })) {
  Deno.test(`after Frontloader was killed the next one waits for what it left, too (${form})`, async () => {
    await using fixture = new FrontloaderFixture();
    const frontloader = await startAlone(fixture, stubborn("version 1"), keys);
    const { instances: [old] } = await containerStatus(frontloader, "app");
    Deno.kill(frontloader.pid, "SIGKILL");
    await frontloader.status;
    const next = fixture.start();
    await next.waitForLine(/app: An instance of the Frontloader before this one .* pid=/);
    await next.waitForLine(/app: Pulled/);
    const { state } = await containerStatus(next, "app");
    assert.equal(state, "new release waiting for the old one to end");
    assert(isProcess(old!.pid!));
    Deno.writeTextFileSync(`${fixture.directory}/out/end`, "");
    await next.waitForLine(/Instance 1 runs/);
    await eventually("it is gone", () => !isProcess(old!.pid!) || undefined);
    // Nor does a container of that name wait for it that comes into the configuration later.
    const configuration = Deno.readTextFileSync(fixture.configurationFile);
    fixture.configure({ containers: [] });
    Deno.kill(next.pid, "SIGHUP");
    await eventually("it is removed", async () => {
      return (await next.askStatus()).containers.length === 0 || undefined;
    });
    const from = next.lines.length;
    fixture.configure(configuration);
    Deno.kill(next.pid, "SIGHUP");
    await next.waitForLine(/Instance 1 runs/, from);
    const isOfOld = (line: string) => /An instance of the Frontloader before/.test(line);
    assert.equal(next.lines.filter(isOfOld).length, 1);
    await next.stop();
    await fixture.assertNothingLeft();
  });

  Deno.test(`after Frontloader was killed the next one kills what it left only after a stopTimeout (${form})`, async () => {
    await using fixture = new FrontloaderFixture();
    const frontloader = await startAlone(fixture, stubborn("version 1"), {
      stopTimeout: 1,
      ...keys,
    });
    const { instances: [old] } = await containerStatus(frontloader, "app");
    Deno.kill(frontloader.pid, "SIGKILL");
    await frontloader.status;
    const next = fixture.start();
    await next.waitForLine(/What the Frontloader before this one left is killed/);
    await next.waitForLine(/Instance 1 runs/);
    await eventually("it is gone", () => !isProcess(old!.pid!) || undefined);
    Deno.writeTextFileSync(`${fixture.directory}/out/end`, "");
    await next.stop();
    await fixture.assertNothingLeft();
  });
}
