/**
 * The order of events, inside the sandbox: the image, the registry, the contestants; then pulls, launches and upgrades,
 * round by round; then the report. What was started and mounted ends with this process, which is the sandbox's first.
 */
import { fileURLToPath } from "node:url";
import { run } from "./commands.ts";
import { Containerd } from "./contestants/containerd.ts";
import type { Launcher, Puller, Runner } from "./contestants/contestant.ts";
import { Floor } from "./contestants/floor.ts";
import { Frontloader } from "./contestants/frontloader.ts";
import { Podman } from "./contestants/podman.ts";
import { SkopeoUmoci } from "./contestants/skopeo_umoci.ts";
import { addVersion, APPLICATION, BASE_TAG, type ImageDigests, imageLayout } from "./image.ts";
import { machineFacts } from "./machine.ts";
import { parseOptions, PARTS } from "./options.ts";
import { type Fetch, Registry } from "./registry.ts";
import { barsTable, report } from "./report.ts";
import type { LaunchResult, PullResult, Role, UpgradeResult } from "./results.ts";
import { inRounds } from "./rounds.ts";
import { cover, ownPlaces } from "./sandbox.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPORT = "docs/performance.md";
const WORK = "/tmp/frontloader-bench";
const BASE = "bench/base";

const { parts, rounds } = parseOptions(Deno.args);
const machine = await machineFacts();

await cover("/tmp", { keep: ownPlaces() });
await Deno.mkdir(WORK);
const layout = await imageLayout({ cache: `${ROOT}.cache/bench`, work: WORK });
// Where peers keep what they do not let themselves be told to keep elsewhere. Not before the image is made, which takes
// looking up names: resolv.conf may be in /run.
for (const directory of ["/run", "/dev/shm", "/var/lib/containers"]) {
  await Deno.mkdir(directory, { recursive: true });
  await cover(directory);
}

const registry = await Registry.start(`${WORK}/registry`);
await registry.push(layout.directory, BASE_TAG, BASE);
const frontloader = await Frontloader.install(`${ROOT}dist`, registry.host, `${WORK}/frontloader`);
const containerd = await Containerd.start(registry.host, `${WORK}/containerd`);
const podman = await Podman.install(registry.host, `${WORK}/podman`);
const skopeoUmoci = new SkopeoUmoci(registry.host, `${WORK}/skopeo`);
const floor = new Floor(registry.host, `${WORK}/floor`, layout.digests.layers);
const pullers: readonly Puller[] = [frontloader, containerd, podman, skopeoUmoci, floor];
const runners: readonly Runner[] = [frontloader, containerd, podman];
const replacement = frontloader.replacement;
const launchers: readonly Launcher[] = [frontloader, replacement, containerd, podman];

const pull = parts.includes("pull") ? await measurePulls() : undefined;
if (parts.some((part) => part !== "pull")) await prepareRunners();
const launch = parts.includes("launch") ? await measureLaunches() : undefined;
const upgrade = parts.includes("upgrade") ? await measureUpgrades() : undefined;

const results = { pull, launch, upgrade };
const text = report({ results, rounds, layers: layout.layers, machine });
if (parts.length === PARTS.length) {
  await Deno.writeTextFile(`${ROOT}${REPORT}`, text);
  console.log(`\n${barsTable(results)}\n\n${REPORT} is written`);
} else {
  console.log(`\n${text}`);
}
// Not by falling off the end: daemons that were started here still run.
Deno.exit(0);

async function measurePulls(): Promise<PullResult[]> {
  let entries: string | undefined;
  const measured = await inRounds({
    contestants: pullers,
    rounds,
    measure: async (puller, round) => {
      const usage = await puller.pull(BASE);
      const root = round === 0 ? await puller.rootFs?.(BASE) : undefined;
      if (root !== undefined) {
        const found = await run("sh", ["-c", 'find "$1" -xdev -printf x | wc -c', "-", root]);
        if (found !== (entries ??= found)) {
          throw new Error(
            `${puller.name} has ${found} entries, but ${pullers[0]!.name} ${entries}`,
          );
        }
      }
      await puller.discard(BASE);
      return usage;
    },
    onMeasured: (puller, round, { seconds }) => say("pull", round, puller, seconds),
  });
  return Array.from(measured, ([puller, usages]) => ({
    name: puller.name,
    role: roleOf(puller),
    how: puller.how.pull,
    usages,
  }));
}

async function prepareRunners(): Promise<void> {
  await addVersion(layout.directory, versionOf(0));
  await registry.push(layout.directory, versionOf(0), APPLICATION);
  for (const runner of runners) await runner.prepare(versionOf(0));
}

async function measureLaunches(): Promise<LaunchResult[]> {
  const measured = await inRounds({
    contestants: launchers,
    rounds: 4 * rounds,
    measure: (launcher) => launcher.launch(versionOf(0)),
    onMeasured: (runner, round, seconds) => say("launch", round, runner, seconds),
  });
  return Array.from(measured, ([runner, seconds]) => ({
    name: runner.name,
    role: roleOf(runner),
    how: runner.how.launch,
    seconds,
  }));
}

async function measureUpgrades(): Promise<UpgradeResult[]> {
  const pushed: ImageDigests[] = [];
  const measured = await inRounds({
    contestants: runners,
    rounds,
    prepareRound: async (round) => {
      pushed[round] = await addVersion(layout.directory, versionOf(round + 1));
      await registry.push(layout.directory, versionOf(round + 1), APPLICATION);
    },
    measure: async (runner, round) => {
      const { result: seconds, fetches } = await registry.fetchesDuring(() =>
        runner.upgrade(versionOf(round + 1))
      );
      return { seconds, fetches, changedOnly: isChangedOnly(fetches, pushed[round]!) };
    },
    onMeasured: (runner, round, { seconds }) => say("upgrade", round, runner, seconds),
  });
  return Array.from(measured, ([runner, upgrades]) => ({
    name: runner.name,
    role: roleOf(runner),
    how: runner.how.upgrade,
    seconds: upgrades.map(({ seconds }) => seconds),
    fetches: upgrades.map(({ fetches }) => fetches),
    changedOnly: upgrades.every(({ changedOnly }) => changedOnly),
  }));
}

/** Whether what was fetched is the configuration and the last layer of an image, once each. */
function isChangedOnly(fetches: readonly Fetch[], { config, layers }: ImageDigests): boolean {
  const fetched = fetches.map(({ digest }) => digest).toSorted();
  return fetched.join() === [config, layers.at(-1)!].toSorted().join();
}

function roleOf(contestant: Puller | Launcher): Role {
  if (contestant === frontloader) return "frontloader";
  if (contestant === replacement) return "variant";
  return contestant === floor ? "floor" : "peer";
}

function versionOf(number: number): string {
  return `v${number}`;
}

function say(what: string, round: number, { name }: { name: string }, seconds: number): void {
  const which = round === 0 ? "warm-up" : `round ${round}`;
  console.log(`${what}, ${which}: ${name}: ${seconds.toFixed(3)} s`);
}
