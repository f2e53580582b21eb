import assert from "node:assert/strict";
import { ControlClient } from "../../src/control/client.ts";
import { controlSocketOf } from "../../src/system/run_directory.ts";
import { runCommand } from "../support/command.ts";
import { freePort } from "../support/free_port.ts";
import { eventually } from "../support/frontloader.ts";
import { FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { kernelParameter } from "../support/kernel_parameter.ts";
import { loadImage, type LocalImage, readManifest } from "../support/local_image.ts";
import { namesIn } from "../support/machine_facts.ts";
import {
  figuresOf,
  leastPrivate,
  mountsWith,
  type ProcessFigures,
  rootFsDirectories,
} from "../support/process_facts.ts";
import { debianImage } from "../support/real_images.ts";
import type { RegistryServer } from "../support/registry_server.ts";
import { RequestLoad } from "../support/request_load.ts";

const SERVER = new URL("../support/reuseport_server.py", import.meta.url).pathname;

/**
 * Debian with a web server, in several versions: images that differ in their topmost layer alone.
 *
 * @param directory gets the layout
 */
async function serverImages(directory: string, count: number): Promise<LocalImage[]> {
  const layout = `${directory}/layout`;
  const debian = await debianImage();
  await runCommand(["cp", "-a", debian.layout, layout]);
  const insert = (from: string, to: string, file: string, path: string) =>
    runCommand(["umoci", "insert", `--image=${layout}:${from}`, `--tag=${to}`, file, path]);
  await insert(debian.tag, "server", SERVER, "/server.py");
  const images: LocalImage[] = [];
  for (let version = 1; version <= count; version++) {
    const tag = `version-${version}`;
    Deno.writeTextFileSync(`${directory}/${tag}`, tag);
    await insert("server", tag, `${directory}/${tag}`, "/version");
    images.push({ layout, tag });
  }
  return images;
}

/** The blobs that were fetched since the log was emptied. */
function fetchedBlobs({ log }: RegistryServer): string[] {
  return log.filter(({ method }) => method === "GET")
    .flatMap(({ path }) => /\/blobs\/(.*)$/.exec(path)?.[1] ?? []).sort();
}

Deno.test("no request fails while a server that shares its port is upgraded again and again, and only the changed layer is fetched", async () => {
  // A connection that comes between a server's last accept(2) and its close(2) would be lost without this, whoever starts
  // and stops the server: the kernel hands it to another listener on the port (ip-sysctl, tcp_migrate_req).
  using _ = kernelParameter("net/ipv4/tcp_migrate_req", "1");
  await using fixture = new FrontloaderFixture();
  const { registry } = fixture;
  const images = await serverImages(fixture.directory, 6);
  const push = (image: LocalImage) =>
    loadImage(image, registry, { repository: "shop/web", tag: "latest" });
  push(images[0]!);
  const port = freePort();
  fixture.configure({
    container: {
      id: "web",
      manifest: fixture.image("shop/web"),
      command: ["/usr/bin/python3", "/server.py"],
      uid: 1000,
      gid: 1000,
      environment: { PORT: port },
      // Until the new one has come to listen: that it runs does not say so.
      stopDelay: 3,
    },
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ web\| listening$/);
  using control = new ControlClient(controlSocketOf(fixture.runDirectory));
  const url = `http://127.0.0.1:${port}`;
  const load = new RequestLoad([`${url}/`, `${url}/`, `${url}/`, `${url}/slow `]);
  await eventually("the first answers", () => load.count("version-1") > 50 || undefined);

  for (const [index, image] of images.entries()) {
    if (index === 0) continue;
    registry.log.length = 0;
    push(image);
    await control.update("web");
    await frontloader.waitForLine(new RegExp(` web: Instance ${index} ended: exit status 0`));
    await eventually("the new one answers", () => load.count(image.tag) > 50 || undefined);
    const { config, layers } = readManifest(image);
    assert.deepEqual(fetchedBlobs(registry), [config.digest, layers.at(-1)!.digest].sort());
  }
  const { answers, failures } = await load.stop();
  const total = answers.values().reduce((sum, count) => sum + count, 0);
  console.log(`${total} requests, ${failures.length} failures: ${JSON.stringify([...answers])}`);
  assert.deepEqual(failures, []);
  assert.deepEqual([...answers.keys()].sort(), images.map(({ tag }) => tag).sort());
});

const UPGRADES = 100;
/** What the first upgrades bring with them: code is compiled, buffers reach their size. */
const WARM_UP = 25;
/** Memory is measured after so many upgrades in a row. */
const SAMPLES = 10;

Deno.test(`${UPGRADES} upgrades in a row leave nothing behind`, async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("version 0"));
  fixture.configure({ container: { id: "web", manifest: fixture.image("web") } });
  // Garbage that is small on V8's heap may hold on to a lot elsewhere; with little room on the heap it is collected often,
  // and what still grows is a leak.
  const frontloader = fixture.start({ DENO_V8_FLAGS: "--max-old-space-size=16" });
  await frontloader.waitForLine(/ web\| version 0$/);
  using control = new ControlClient(controlSocketOf(fixture.runDirectory));
  const [first, last]: ProcessFigures[][] = [[], []];
  for (let count = 1; count <= UPGRADES; count++) {
    const from = frontloader.lines.length;
    await fixture.push("web", untilTerm(`version ${count}`));
    await control.update("web");
    await frontloader.waitForLine(new RegExp(` web: Instance ${count} ended: exit status 0`), from);
    await frontloader.waitForLine(new RegExp(` web\\| version ${count}$`), from);
    if (count % WARM_UP === 0) await assertOnlyOneVersionIsThere(fixture);
    if (WARM_UP - SAMPLES < count && count <= WARM_UP) first!.push(figuresOf(frontloader.pid));
    if (UPGRADES - SAMPLES < count) last!.push(figuresOf(frontloader.pid));
  }
  const [before, after] = [first!.at(-1)!, last!.at(-1)!];
  console.log(JSON.stringify({ before, after }));
  assert.equal(after.zombies, 0);
  assert.equal(after.children, 1);
  // A connection that is kept comes and goes.
  assert(
    after.descriptors < before.descriptors + 10,
    `${before.descriptors} -> ${after.descriptors}`,
  );
  // 75 upgrades more: 100 KiB lost in each would show.
  const [least, leastAfter] = [leastPrivate(first!), leastPrivate(last!)];
  assert(leastAfter - least < 8_000, `private memory: ${least} -> ${leastAfter} KiB`);
  assert.equal((await frontloader.stop()).code, 0);
  await fixture.assertNothingLeft();
});

/** Waits until the store holds what the running version needs, and nothing else. */
async function assertOnlyOneVersionIsThere(
  { store, directory }: FrontloaderFixture,
): Promise<void> {
  await eventually("nothing of old versions is left", () => {
    const layers = namesIn(`${store}/layers`).filter((name) => name !== "empty");
    const others = ["instances", "staging", "trash"].map((name) => namesIn(`${store}/${name}`));
    assert.deepEqual([layers, ...others].map((names) => names.length), [2, 1, 0, 0]);
    // The store itself.
    assert.equal(mountsWith(directory).length, 1);
    assert.deepEqual(rootFsDirectories(), []);
    return true;
  });
}
