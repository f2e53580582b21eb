/** Faults around a running Frontloader. Needs root. */
import assert from "node:assert/strict";
import { RunDirectory } from "../../src/system/run_directory.ts";
import { runCommand } from "../support/command.ts";
import { eventually, type RunningFrontloader } from "../support/frontloader.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

Deno.test("when Frontloader is killed every container gets TERM, whoever it runs as", async () => {
  await using fixture = new FrontloaderFixture();
  const { directory } = fixture;
  await fixture.push(
    "app",
    `trap 'echo TERM >/out/$ID; exit 0' TERM\necho ready\nsleep 1000 & wait`,
  );
  Deno.mkdirSync(`${directory}/out`);
  Deno.chmodSync(`${directory}/out`, 0o777);
  Deno.chmodSync(directory, 0o755);
  const kinds = {
    root: {},
    bare: { capabilities: [] },
    user: { uid: 1000, gid: 1000 },
    capable: { uid: 1000, gid: 1000, capabilities: ["NET_BIND_SERVICE"] },
  };
  const containers = Object.entries(kinds).map(([id, kind]) => ({
    id,
    manifest: fixture.image("app"),
    mounts: { "/out": `${directory}/out` },
    environment: { ID: id },
    ...kind,
  }));
  fixture.configure({ containers });
  const frontloader = fixture.start();
  for (const { id } of containers) await frontloader.waitForLine(new RegExp(`${id}\\| ready`));
  Deno.kill(frontloader.pid, "SIGKILL");
  await frontloader.status;
  for (const { id } of containers) {
    await eventually(`${id} got TERM`, () => Deno.readTextFileSync(`${directory}/out/${id}`));
  }
  // The next one finds nothing in its way.
  fixture.configure({ containers: [] });
  const next = fixture.start();
  await next.waitForLine(/Frontloader .* starts/);
  await next.stop();
  await fixture.assertNothingLeft();
});

/** Starts one container that runs until it gets TERM. */
async function startOne(fixture: FrontloaderFixture): Promise<RunningFrontloader> {
  await fixture.push("app", untilTerm("app runs"));
  fixture.configure({ container: { id: "app", manifest: fixture.image("app") } });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/app\| app runs/);
  return frontloader;
}

function connect(fixture: FrontloaderFixture): Promise<Deno.Conn> {
  return Deno.connect({ transport: "unix", path: `${fixture.runDirectory}/frontloader.sock` });
}

Deno.test("a control client that does not finish its request does not hold up the end", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startOne(fixture);
  using client = await connect(fixture);
  await client.write(
    new TextEncoder().encode("POST /update HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"),
  );
  await frontloader.ask("status");
  const { success } = await frontloader.stop();
  assert(success);
});

Deno.test("running out of descriptors does not end Frontloader, nor what it runs", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startOne(fixture);
  const descriptors = Array.from(Deno.readDirSync(`/proc/${frontloader.pid}/fd`)).length;
  await runCommand(["prlimit", "--pid", `${frontloader.pid}`, `--nofile=${descriptors + 5}`]);
  const clients: Deno.Conn[] = [];
  const broken = frontloader.waitForLine(/control: The control socket broke/);
  await eventually("no descriptor is left", async () => {
    try {
      clients.push(await connect(fixture));
    } catch {
      // The socket is gone: it is closed when it breaks.
      return true;
    }
  });
  await broken;
  for (const client of clients) client.close();
  const { instances } = await eventually(
    "the control socket answers again",
    () => containerStatus(frontloader, "app"),
  );
  assert.equal(instances[0]?.state, "running");
});

Deno.test("containers that flood the log keep nothing else from being noticed", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("chatty", "exec yes");
  await fixture.push("other", "sleep 1; exit 7");
  const chatty = ["one", "two", "three"].map((id) => ({ id, manifest: fixture.image("chatty") }));
  fixture.configure({
    containers: [...chatty, { id: "other", manifest: fixture.image("other") }],
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ supervisor: Frontloader .* starts/);
  await eventually("all run, and the end of one of them is noticed", async () => {
    const { containers } = await frontloader.askStatus();
    return containers.every(({ id, instances, lastError }) =>
      id === "other" ? lastError?.message.includes("exit status 7") : instances[0]?.pid
    ) || undefined;
  });
  const start = performance.now();
  await frontloader.askStatus();
  // Less than a second is usual; it was a minute.
  const took = performance.now() - start;
  assert(took < 30_000, `${took} ms`);
});

Deno.test("a run directory may be named relative to the current directory", () => {
  using directory = new TemporaryDirectory();
  const before = Deno.cwd();
  Deno.chdir(directory.path);
  try {
    const run = RunDirectory.open("run");
    assert.equal(run.store, `${directory.path}/run/store`);
    run.close();
  } finally {
    Deno.chdir(before);
  }
});
