import assert from "node:assert/strict";
import { ControlClient } from "../../src/control/client.ts";
import { controlSocketOf } from "../../src/system/run_directory.ts";
import { pushBusyboxImage } from "../support/busybox_image.ts";
import { runCommand } from "../support/command.ts";
import { freePort } from "../support/free_port.ts";
import { eventually, type RunningFrontloader } from "../support/frontloader.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { isProcess, namesIn } from "../support/machine_facts.ts";
import { childrenOf, mountsWith } from "../support/process_facts.ts";
import { startRegistry } from "../support/registry_server.ts";
import { StalledResponse } from "../support/stalled_response.ts";

/**
 * Starts Frontloader with one container, "web", of which version 1 runs.
 *
 * @param settings of that container
 */
async function startVersion1(
  fixture: FrontloaderFixture,
  settings: object = {},
): Promise<RunningFrontloader> {
  await fixture.push("web", untilTerm("version 1"));
  const container = { id: "web", manifest: fixture.image("web"), ...settings };
  fixture.configure({ container });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ web\| version 1$/);
  // It may say so before its launch is over.
  await frontloader.waitForLine(/ web: Instance 1 runs/);
  return frontloader;
}

async function update({ runDirectory }: FrontloaderFixture): Promise<Record<string, string>> {
  using control = new ControlClient(controlSocketOf(runDirectory));
  return await control.update(undefined);
}

/** Pushes version 2 and has it pulled, which stops in the middle of its changed layer. */
async function stallVersion2(fixture: FrontloaderFixture): Promise<StalledResponse> {
  await fixture.push("web", untilTerm("version 2"));
  const { layers } = await (await fetch(fixture.image("web"))).json();
  const { digest } = layers.at(-1);
  const blob = await fetch(`${fixture.registry.origin}/v2/web/blobs/${digest}`);
  const stall = new StalledResponse(await blob.bytes(), 0.5);
  fixture.registry.hook = ({ url }) => url.includes(digest) ? stall.make() : undefined;
  await update(fixture);
  await stall.stalled;
  return stall;
}

/** Waits for a child of Frontloader in one of its hidden roles, and returns its pid. */
async function childWith(frontloader: RunningFrontloader, role: string): Promise<number> {
  const { pid } = await eventually(
    `there is a process with ${role}`,
    () => childrenOf(frontloader.pid).find(({ args }) => args.includes(role)),
  );
  return pid;
}

function waitForEnd(pids: readonly number[]): Promise<true> {
  return eventually(`${pids} have ended`, () => !pids.some(isProcess) || undefined);
}

/** That version 2 came by itself in the end, and version 1 was served until then. */
async function assertVersion2Comes(frontloader: RunningFrontloader): Promise<void> {
  await frontloader.waitForLine(/ web\| version 2$/);
  await frontloader.waitForLine(/ web: Instance 1 ended: exit status 0/);
  const at = (pattern: RegExp) => frontloader.lines.findIndex((line) => pattern.test(line));
  assert(at(/ Instance [^1]\d* runs /) < at(/ Instance 1 gets TERM/), frontloader.lines.join("\n"));
}

/** The names of what is half unpacked, or about to be removed. */
function staged({ store }: FrontloaderFixture): string[] {
  return ["staging", "trash"].flatMap((name) => namesIn(`${store}/${name}`));
}

/**
 * Waits until nothing of a pull that failed is left.
 *
 * @param isOfNext true for what is of the next try, which comes by itself
 */
function assertNothingStaged(
  fixture: FrontloaderFixture,
  isOfNext: (name: string) => boolean = () => false,
): Promise<true> {
  return eventually("what was half unpacked is gone", () => {
    assert.deepEqual(staged(fixture).filter((name) => !isOfNext(name)), []);
    return true;
  });
}

Deno.test("kill -9 of the pull child, by the kernel for want of memory or by others: the old instance stays, nothing is left, and the pull is tried again", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startVersion1(fixture);
  const stall = await stallVersion2(fixture);
  const before = staged(fixture);
  assert(before.length > 0);
  const pull = await childWith(frontloader, "__pull");
  // It is the one that the kernel takes when the machine is out of memory.
  assert.equal(Deno.readTextFileSync(`/proc/${pull}/oom_score_adj`), "1000\n");
  Deno.kill(pull, "SIGKILL");
  await frontloader.waitForLine(/ web: Cannot pull .*ended without a result: signal SIGKILL/);
  await assertNothingStaged(fixture, (name) => !before.includes(name));
  const { state, instances, lastError } = await containerStatus(frontloader, "web");
  assert.match(state, /running/);
  assert.equal(instances.length, 1);
  assert.match(lastError!.message, /SIGKILL/);
  stall.resume();
  await assertVersion2Comes(frontloader);
});

Deno.test("kill -9 of a stage that waits for its launch goes unnoticed", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startVersion1(fixture);
  const stall = await stallVersion2(fixture);
  const stage = await childWith(frontloader, "__stage");
  Deno.kill(stage, "SIGKILL");
  await waitForEnd([stage]);
  stall.resume();
  await assertVersion2Comes(frontloader);
  assert(!frontloader.lines.some((line) => /Cannot|Next try/.test(line)));
});

/** Stops a stage in the middle of launching version 2. */
async function stopInLaunch(
  fixture: FrontloaderFixture,
  frontloader: RunningFrontloader,
): Promise<number> {
  const stall = await stallVersion2(fixture);
  const stage = await childWith(frontloader, "__stage");
  Deno.kill(stage, "SIGSTOP");
  stall.resume();
  await eventually("the root file system is mounted", () => rootFsMounts(fixture)[0]);
  return stage;
}

/** Root file systems that are mounted on the machine. */
function rootFsMounts({ directory }: FrontloaderFixture): string[] {
  return mountsWith(directory).filter((line) => line.includes(" /tmp/frontloader.rootfs."));
}

Deno.test("kill -9 of a stage in the middle of a launch: the start has failed, nothing is left, and it is tried again", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startVersion1(fixture);
  Deno.kill(await stopInLaunch(fixture, frontloader), "SIGKILL");
  await frontloader.waitForLine(/ web: Cannot start instance 2: .*signal 9 \(SIGKILL\)/);
  await eventually("only version 1 has a place", () => {
    assert.deepEqual(rootFsMounts(fixture), []);
    assert.equal(namesIn(`${fixture.store}/instances`).length, 1);
    return true;
  });
  await assertVersion2Comes(frontloader);
});

Deno.test("kill -9 of a container is an end like any other: it is started again", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startVersion1(fixture);
  const { instances: [instance] } = await containerStatus(frontloader, "web");
  const from = frontloader.lines.length;
  Deno.kill(instance!.pid!, "SIGKILL");
  await frontloader.waitForLine(/ web: Instance 1 ended: signal 9 \(SIGKILL\)/);
  await frontloader.waitForLine(/ web\| version 1$/, from);
});

Deno.test("kill -9 of Frontloader: every container gets TERM, and the next one finds nothing in its way", async () => {
  await using fixture = new FrontloaderFixture();
  const told = `${fixture.directory}/told`;
  Deno.mkdirSync(told);
  // Nobody reads their output any more by then.
  const script = (id: string) =>
    `trap 'echo TERM >/told/${id}; exit 0' TERM\necho ready\nsleep 1000 & wait`;
  const ids = ["a", "b"];
  for (const id of ids) await fixture.push(id, script(id));
  await fixture.push("web", untilTerm("version 1"));
  fixture.configure({
    containers: [...ids, "web"].map((id) => ({
      id,
      manifest: fixture.image(id),
      mounts: { "/told": told },
    })),
  });
  const frontloader = fixture.start();
  for (const id of ids) await frontloader.waitForLine(new RegExp(` ${id}\\| ready$`));
  await frontloader.waitForLine(/ web\| version 1$/);
  await stallVersion2(fixture);
  await childWith(frontloader, "__pull");
  await childWith(frontloader, "__stage");
  const children = childrenOf(frontloader.pid).map(({ pid }) => pid);
  assert.equal(children.length, 5);

  Deno.kill(frontloader.pid, "SIGKILL");
  await waitForEnd(children);
  assert.deepEqual(namesIn(told), ids);
  assert.equal((await frontloader.status).signal, "SIGKILL");

  fixture.registry.hook = undefined;
  const next = fixture.start();
  for (const id of ids) await next.waitForLine(new RegExp(` ${id}\\| ready$`));
  await next.waitForLine(/ web\| version 2$/);
  assert.equal((await next.stop()).code, 0);
  await fixture.assertNothingLeft();
});

Deno.test("kill -9 of Frontloader in the middle of a launch: the launch ends, and its root file system is cleared away", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startVersion1(fixture);
  const stage = await stopInLaunch(fixture, frontloader);
  Deno.kill(frontloader.pid, "SIGKILL");
  await frontloader.status;
  try {
    Deno.kill(stage, "SIGCONT");
  } catch (error) {
    // It may have ended with its parent already.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await waitForEnd([stage]);
  assert.equal(rootFsMounts(fixture).length, 1);

  const next = fixture.start();
  await next.waitForLine(/ web\| version 2$/);
  await eventually("nothing of the old one is mounted", () => {
    assert.equal(mountsWith(fixture.directory).length, 1);
    return true;
  });
  assert.equal((await next.stop()).code, 0);
  await fixture.assertNothingLeft();
});

const fullStores: readonly {
  readonly name: string;
  /** What makes it full, and what makes it large enough again: options of a remount. */
  readonly small: string;
  readonly large: string;
  readonly files: Readonly<Record<string, string>>;
}[] = [
  {
    name: "bytes",
    small: "size=8m",
    large: "size=64m",
    files: { "/large": "x".repeat(16_000_000) },
  },
  {
    name: "inodes",
    small: "nr_inodes=1200",
    large: "nr_inodes=12000",
    files: Object.fromEntries(Array.from({ length: 1500 }, (_, n) => [`/many/${n}`, ""])),
  },
];
for (const { name, small, large, files } of fullStores) {
  Deno.test(`no ${name} left in the store: the pull fails and is undone, and goes well once there is room`, async () => {
    await using fixture = new FrontloaderFixture();
    const { store, registry } = fixture;
    const frontloader = await startVersion1(fixture);
    await runCommand(["mount", "-o", `remount,${small}`, store]);
    const start = { contents: `#!/bin/sh\n${untilTerm("version 2")}\n`, mode: 0o755 };
    await pushBusyboxImage(registry, {
      repository: "web",
      tag: "latest",
      files: { ...files, "/start": start },
      entrypoint: ["/start"],
    });
    await update(fixture);
    await frontloader.waitForLine(/ web: Cannot pull .*the layer store is full.*ENOSPC/);
    await assertNothingStaged(fixture);
    assert.equal(namesIn(`${store}/layers`).filter((name) => name !== "empty").length, 2);
    await runCommand(["mount", "-o", `remount,${large}`, store]);
    await assertVersion2Comes(frontloader);
  });
}

Deno.test("a registry that is down at the start is asked again until it is there", async () => {
  const port = freePort();
  await using fixture = new FrontloaderFixture();
  fixture.configure({
    container: { id: "web", manifest: `http://127.0.0.1:${port}/v2/web/manifests/latest` },
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ web: Cannot pull .*[Cc]onnection refused/);
  await frontloader.waitForLine(/ web: Next try in /);
  assert.match((await containerStatus(frontloader, "web")).lastError!.message, /refused/);
  await using registry = startRegistry({ port });
  await pushBusyboxImage(registry, {
    repository: "web",
    tag: "latest",
    cmd: ["sh", "-c", untilTerm("here at last")],
  });
  await frontloader.waitForLine(/ web\| here at last$/);
});

Deno.test("a registry that goes down is said once, and what runs keeps running", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startVersion1(fixture);
  const { instances: [before] } = await containerStatus(frontloader, "web");
  fixture.registry.hook = () => new Response("down for maintenance", { status: 404 });
  for (let count = 0; count < 3; count++) {
    assert.match((await update(fixture))["web"]!, /^Cannot check .*404/);
  }
  // What is in the log by then has been said before.
  Deno.kill(frontloader.pid, "SIGHUP");
  await frontloader.waitForLine(/ Reading the configuration again/);
  assert.equal(frontloader.lines.filter((line) => / web: Cannot check /.test(line)).length, 1);
  const { instances: [after], lastError } = await containerStatus(frontloader, "web");
  assert.equal(after!.pid, before!.pid);
  assert.match(lastError!.message, /Cannot check .*404/);
  fixture.registry.hook = undefined;
  assert.deepEqual(await update(fixture), { web: "up to date" });
});

Deno.test("a new image that cannot be started leaves the old one running, and the next push mends it", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startVersion1(fixture);
  await pushBusyboxImage(fixture.registry, {
    repository: "web",
    tag: "latest",
    entrypoint: ["/bin/nonsense"],
  });
  // The next try is to come when all has been looked at.
  const held = Promise.withResolvers<undefined>();
  let pulls = 0;
  fixture.registry.hook = ({ method, url }) =>
    method === "GET" && url.includes("/manifests/") && ++pulls > 1 ? held.promise : undefined;
  await update(fixture);
  await frontloader.waitForLine(
    / web: Cannot start instance 2: Cannot run "\/bin\/nonsense": not found in the image/,
  );
  const { state, instances, failures, lastError } = await containerStatus(frontloader, "web");
  assert.match(state, /running/);
  assert.deepEqual(instances.map((instance) => instance.state), ["running"]);
  assert.equal(failures, 1);
  assert.match(lastError!.message, /nonsense/);
  fixture.registry.hook = undefined;
  held.resolve(undefined);
  await fixture.push("web", untilTerm("version 2"));
  await update(fixture);
  await assertVersion2Comes(frontloader);
});

Deno.test("a new instance that ends within stopDelay leaves the old one running", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startVersion1(fixture, { stopDelay: 30 });
  await fixture.push("web", "echo broken; exit 1");
  await update(fixture);
  await frontloader.waitForLine(/ web: Instance 2 ended: exit status 1/);
  assert(
    !frontloader.lines.some((line) => /Instance 1 gets TERM/.test(line)),
    frontloader.lines.join("\n"),
  );
  const { instances } = await containerStatus(frontloader, "web");
  assert(instances.some(({ state }) => state === "running"));
});
