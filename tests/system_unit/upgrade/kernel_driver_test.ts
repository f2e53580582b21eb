import assert from "node:assert/strict";
import type { KernelSettings, Settings } from "../../../src/config/settings.ts";
import type { Digest } from "../../../src/registry/digest.ts";
import { parseReference } from "../../../src/registry/reference.ts";
import type { ImageService } from "../../../src/supervisor/image_service.ts";
import {
  KernelDriver,
  type KernelServices,
  UnfitImageError,
} from "../../../src/system/upgrade/kernel_driver.ts";
import { machineUpgrade } from "../../../src/system/upgrade/machine_upgrade.ts";
import { CapturedLog } from "../../support/captured_log.ts";
import { fakeDigest } from "../../support/fake_containers.ts";
import { FakeTime } from "../../support/fake_time.ts";

const kernel: KernelSettings = { image: parseReference("registry.example/system:stable") };
const wanted: Settings = {
  containers: [],
  volumes: [],
  sysctl: {},
  kernel,
  checkInterval: 60,
  reloadInterval: 300,
  syslog: [],
};
const [a, b] = [fakeDigest("a"), fakeDigest("b")];

/** A machine on which commit `one` runs, whose registry and kernel do what the test says. */
class Fixture implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  digest: Digest | Error | Promise<Digest> = a;
  readonly commits = new Map<Digest, string | undefined>([[a, "one"], [b, "two"]]);
  loading: Promise<void> = Promise.resolve();
  readonly done: string[] = [];
  canConfirm = true;
  readonly driver: KernelDriver;
  /** What becomes of the first configuration. */
  started: "waiting" | "containers start" = "waiting";

  /** @param startedFrom the digest of the image that the machine was started from, if it was by an upgrade */
  constructor(startedFrom?: Digest) {
    this.driver = new KernelDriver(this.#services(), "one", startedFrom);
  }

  #services(): KernelServices {
    return {
      resolveDigest: () => {
        this.done.push("check");
        const { digest } = this;
        return digest instanceof Error ? Promise.reject(digest) : Promise.resolve(digest);
      },
      commitOf: (_, digest) => {
        this.done.push("inspect");
        return Promise.resolve(this.commits.get(digest));
      },
      load: (_, _digest, signal) => {
        this.done.push("load");
        signal.addEventListener("abort", () => this.done.push("aborted"));
        return this.loading;
      },
      leave: (reason) => void this.done.push(`leave: ${reason}`),
      confirm: (digest) => {
        this.done.push(`confirm ${digest === a ? "a" : digest}`);
        return Promise.resolve(this.canConfirm);
      },
    };
  }

  async start(settings = wanted): Promise<void> {
    this.driver.configure(settings).then(() => this.started = "containers start");
    await this.time.settle();
  }

  [Symbol.dispose](): void {
    this.driver.stop();
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }
}

Deno.test("containers start once it is clear that the system is up to date", async () => {
  using fixture = new Fixture();
  await fixture.start();
  assert.equal(fixture.started, "containers start");
  assert.deepEqual(fixture.done, ["check", "inspect"]);
  assert.equal(fixture.driver.status().state, "idle");
});

Deno.test("containers do not start before an upgrade", async () => {
  using fixture = new Fixture();
  fixture.digest = b;
  const load = Promise.withResolvers<void>();
  fixture.loading = load.promise;
  await fixture.start();
  await fixture.time.advance(300_000);
  assert.equal(fixture.started, "waiting");
  load.resolve();
  await fixture.time.advance(1_000_000);
  assert.equal(fixture.started, "waiting");
  assert.deepEqual(fixture.done, ["check", "inspect", "load", "leave: the upgrade to two"]);
  assert.equal(fixture.driver.status().next, "two");
});

Deno.test("a registry that fails keeps no container from starting, and is asked again", async () => {
  using fixture = new Fixture();
  fixture.digest = new Error("Cannot reach the registry");
  await fixture.start();
  assert.equal(fixture.started, "containers start");
  await fixture.time.advance(600_000);
  assert.ok(fixture.done.length > 5, `${fixture.done}`);
  assert.deepEqual(fixture.log.lines(), [
    "error   upgrade: Cannot reach the registry; this system goes on",
  ]);
  fixture.digest = b;
  await fixture.time.advance(600_000);
  assert.equal(fixture.done.at(-1), "leave: the upgrade to two");
});

Deno.test("a registry that does not answer keeps no container from starting for longer than a minute", async () => {
  using fixture = new Fixture();
  fixture.digest = new Promise(() => {});
  await fixture.start();
  await fixture.time.advance(59_000);
  assert.equal(fixture.started, "waiting");
  await fixture.time.advance(2_000);
  assert.equal(fixture.started, "containers start");
});

Deno.test("a pull that takes too long keeps no container from starting for ever", async () => {
  using fixture = new Fixture();
  fixture.digest = b;
  fixture.loading = new Promise(() => {});
  await fixture.start();
  await fixture.time.advance(660_000);
  assert.equal(fixture.started, "containers start");
});

Deno.test("the registry is asked every interval, give or take a tenth, and at each reading of the configuration", async () => {
  using fixture = new Fixture();
  await fixture.start();
  fixture.done.length = 0;
  await fixture.time.advance(54_000 - 1);
  assert.deepEqual(fixture.done, []);
  await fixture.time.advance(12_001);
  assert.deepEqual(fixture.done, ["check"], "and the digest is known by now");
  await fixture.start();
  assert.deepEqual(fixture.done, ["check", "check"]);
});

Deno.test("an image that cannot be used is tried once, and the next one again", async () => {
  using fixture = new Fixture();
  fixture.digest = b;
  fixture.loading = Promise.reject(new UnfitImageError("It has no /bzImage"));
  await fixture.start();
  assert.equal(fixture.started, "containers start");
  await fixture.time.advance(600_000);
  assert.equal(fixture.done.filter((what) => what === "load").length, 1);
  fixture.loading = Promise.resolve();
  fixture.digest = fakeDigest("c");
  fixture.commits.set(fixture.digest, "three");
  await fixture.time.advance(66_000);
  assert.equal(fixture.done.at(-1), "leave: the upgrade to three");
});

Deno.test("an image without a commit is said once, and not used", async () => {
  using fixture = new Fixture();
  fixture.commits.set(a, undefined);
  await fixture.start();
  await fixture.time.advance(600_000);
  assert.deepEqual(fixture.log.lines("label"), [
    'error   upgrade: registry.example/system:stable does not say which commit it is: it has no label "commit"; this system goes on',
  ]);
  assert.match(fixture.driver.status().lastError!.message, /no label/);
});

Deno.test("a load is called off when everything ends, or nothing is wanted any more", async () => {
  for (const end of ["stop", "configuration"]) {
    using fixture = new Fixture();
    fixture.digest = b;
    const load = Promise.withResolvers<void>();
    fixture.loading = load.promise;
    await fixture.start();
    if (end === "stop") fixture.driver.stop();
    else await fixture.start({ ...wanted, kernel: undefined });
    load.resolve();
    await fixture.time.advance(600_000);
    assert.deepEqual(fixture.done, ["check", "inspect", "load", "aborted"], end);
    assert.equal(fixture.time.pending, 0);
  }
});

Deno.test("a system that was started by an upgrade has shown that it runs once it has had a configuration for a minute", async () => {
  using fixture = new Fixture(a);
  const confirmed = () => fixture.done.filter((what) => what.startsWith("confirm"));
  await fixture.time.advance(600_000);
  assert.deepEqual(confirmed(), [], "without a configuration");
  await fixture.start();
  await fixture.time.advance(30_000);
  await fixture.start();
  await fixture.time.advance(29_000);
  assert.deepEqual(confirmed(), [], "too early");
  await fixture.time.advance(1_000);
  assert.deepEqual(confirmed(), ["confirm a"]);
  await fixture.start();
  await fixture.time.advance(600_000);
  assert.deepEqual(confirmed(), ["confirm a"], "once");
});

Deno.test("a disk that did not take the note that the system runs is asked again", async () => {
  using fixture = new Fixture(a);
  fixture.canConfirm = false;
  const confirmed = () => fixture.done.filter((what) => what.startsWith("confirm")).length;
  await fixture.start();
  await fixture.time.advance(60_000);
  assert.equal(confirmed(), 1);
  fixture.canConfirm = true;
  await fixture.time.advance(600_000);
  assert.equal(confirmed(), 2);
  await fixture.time.advance(6_000_000);
  assert.equal(confirmed(), 2);
});

Deno.test("a system that ends within that minute has not shown it, and that of a disk has nothing to show", async () => {
  for (const startedFrom of [a, undefined]) {
    using fixture = new Fixture(startedFrom);
    await fixture.start();
    await fixture.time.advance(59_000);
    if (startedFrom !== undefined) fixture.driver.stop();
    await fixture.time.advance(600_000);
    assert.deepEqual(fixture.done.filter((what) => what.startsWith("confirm")), []);
  }
});

Deno.test("with FL_NO_SYSUPGRADE nothing is upgraded, and a configured kernel is said to have no effect, once", async () => {
  using log = new CapturedLog();
  const upgrade = machineUpgrade(
    { images: {} as ImageService, directory: "/nonexistent", mountSource: "test" },
    { environment: { FL_NO_SYSUPGRADE: "1" }, leave: () => assert.fail("leaves") },
  );
  await upgrade.configure({ ...wanted, kernel: undefined });
  assert.deepEqual(log.lines(), []);
  await upgrade.configure(wanted);
  await upgrade.configure(wanted);
  assert.deepEqual(log.lines(), [
    "warning upgrade: The configuration's `kernel` has no effect: FL_NO_SYSUPGRADE is set",
  ]);
  assert.equal(upgrade.status(), undefined);
});
