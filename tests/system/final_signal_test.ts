/** Every final signal reaches the program of a container. Needs root. */
import assert from "node:assert/strict";
import { FINAL_SIGNALS } from "../../src/container/final_signal.ts";
import { eventually, type RunningFrontloader } from "../support/frontloader.ts";
import { FrontloaderFixture } from "../support/frontloader_fixture.ts";

/**
 * Says which signals it gets, on the machine too, and ends after the first. The shell's own words on the end of what it runs
 * go nowhere: when Frontloader is dead nobody reads them, and it would die of SIGPIPE.
 */
const SCRIPT = `
  for signal in ${FINAL_SIGNALS.join(" ")}; do
    trap "echo $signal >>/out/$ID; echo got $signal; exit 0" $signal
  done
  echo ready
  exec 2>/dev/null
  while :; do sleep 0.05; done`;

const forms = {
  usual: {},
  user: { uid: 1000, gid: 1000 },
  pid1: { init: false },
  host: { hostPid: true },
  host1: { hostPid: true, init: false },
};

/** Starts a container for each final signal, and some in other forms. */
async function startAll(fixture: FrontloaderFixture): Promise<RunningFrontloader> {
  await fixture.push("app", SCRIPT);
  Deno.mkdirSync(`${fixture.directory}/out`);
  Deno.chmodSync(`${fixture.directory}/out`, 0o777);
  Deno.chmodSync(fixture.directory, 0o755);
  const containers = expected.map(({ id, finalSignal, form }) => ({
    id,
    finalSignal,
    manifest: fixture.image("app"),
    mounts: { "/out": `${fixture.directory}/out` },
    environment: { ID: id },
    ...forms[form],
  }));
  fixture.configure({ containers });
  const frontloader = fixture.start();
  for (const { id } of expected) {
    await frontloader.waitForLine(new RegExp(` ${id}\\| ready`));
    // It may say so before its launch is over.
    await frontloader.waitForLine(new RegExp(` ${id}: Instance 1 runs`));
  }
  return frontloader;
}

const others = Object.keys(forms).filter((form) => form !== "usual") as (keyof typeof forms)[];
const expected: readonly {
  readonly id: string;
  readonly finalSignal: string;
  readonly form: keyof typeof forms;
}[] = [
  ...FINAL_SIGNALS.map((finalSignal) => ({
    id: `usual-${finalSignal}`,
    finalSignal,
    form: "usual" as const,
  })),
  ...others.map((form) => ({ id: `${form}-QUIT`, finalSignal: "QUIT", form })),
];

/** What each container says it got. */
function received(fixture: FrontloaderFixture): Record<string, string> {
  return Object.fromEntries(
    expected.map(({ id }) => [id, Deno.readTextFileSync(`${fixture.directory}/out/${id}`)]),
  );
}

const exactly = Object.fromEntries(expected.map(({ id, finalSignal }) => [id, `${finalSignal}\n`]));

Deno.test("when Frontloader is told to end each container gets its final signal, and no other", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startAll(fixture);
  await frontloader.stop();
  assert.deepEqual(received(fixture), exactly);
  for (const { id, finalSignal } of expected) {
    await frontloader.waitForLine(new RegExp(` ${id}: Instance 1 gets ${finalSignal} pid=`));
    await frontloader.waitForLine(new RegExp(` ${id}\\| got ${finalSignal}$`));
  }
  await fixture.assertNothingLeft();
});

Deno.test("when Frontloader is killed each container gets its final signal, and no other", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = await startAll(fixture);
  Deno.kill(frontloader.pid, "SIGKILL");
  await frontloader.status;
  await eventually("each got its signal", () => {
    assert.deepEqual(received(fixture), exactly);
    return true;
  });
  // The next one clears away what this one could not.
  fixture.configure({});
  const next = fixture.start();
  await next.waitForLine(/Frontloader .* starts/);
  await next.stop();
  await fixture.assertNothingLeft();
  assert.deepEqual(received(fixture), exactly);
});

Deno.test("a final signal that is corrected ends what would not end by the one before", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push(
    "app",
    "trap '' TERM; trap 'exit 0' USR2; echo ready; while :; do sleep 0.05; done",
  );
  const container = { id: "app", manifest: fixture.image("app") };
  fixture.configure({ container });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ app\| ready/);
  const digestNow = async () => (await frontloader.askStatus()).configuration.digest;
  const before = await digestNow();
  fixture.configure({ container: { ...container, finalSignal: "USR2" }, reloadInterval: 1000 });
  Deno.kill(frontloader.pid, "SIGHUP");
  await eventually("it is applied", async () => await digestNow() !== before || undefined);
  await frontloader.stop();
  assert.equal(frontloader.lines.filter((line) => / app: Instance \d+ runs/.test(line)).length, 1);
});
