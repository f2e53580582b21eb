import assert from "node:assert/strict";
import type { MountSettings, NfsVolume, VolumeSettings } from "../../src/config/settings.ts";
import { NoDeviceError } from "../../src/volumes/no_device_error.ts";
import { VolumeManager } from "../../src/volumes/volume_manager.ts";
import { CapturedLog } from "../support/captured_log.ts";
import { FakeTime } from "../support/fake_time.ts";
import { FakeVolumeServices } from "../support/fake_volume_services.ts";
import { fixedRandom } from "../support/fixed_random.ts";
import { volumeSettings } from "../support/volume_settings.ts";

const MINUTE = 60_000;

/** A manager whose surroundings are all the test's own. */
class Bench implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  readonly services = new FakeVolumeServices();
  readonly manager = new VolumeManager(this.services);
  readonly #random = fixedRandom(0.5);

  [Symbol.dispose](): void {
    this.#random[Symbol.dispose]();
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }

  /** Configures volumes with these paths, each on a device of its own: `/dev/srv-data` for `/srv/data`. */
  async configure(...volumes: (string | VolumeSettings)[]): Promise<void> {
    this.manager.configure(
      volumes.map((volume) => typeof volume === "string" ? on(volume) : volume),
    );
    await this.time.settle();
  }

  async succeed(what: string, result?: unknown): Promise<void> {
    this.services.task(what).succeed(result);
    await this.time.settle();
  }

  async fail(what: string, error: unknown = new Error("no")): Promise<void> {
    this.services.task(what).fail(error);
    await this.time.settle();
  }

  /** Mounts `/a`, on a disk `a` whose size is 100. */
  async mountOnDisk(options = ""): Promise<void> {
    this.services.disks.set("a", 100);
    await this.configure(on("/a", { options }));
    await this.succeed("mount /a");
  }

  /** The states of all volumes by path. */
  get states(): Record<string, string> {
    return Object.fromEntries(this.manager.status().map(({ path, state }) => [path, state]));
  }
}

function on(path: string, changes: Partial<VolumeSettings> = {}): VolumeSettings {
  const device = `/dev/${path.slice(1).replaceAll("/", "-")}`;
  return volumeSettings({ path, device, ...changes as object });
}

function nfs(path: string): NfsVolume {
  return { path, device: "server:/export", fstype: "nfs4", options: "" };
}

function mounts(...outside: string[]): MountSettings[] {
  return outside.map((path) => ({ inside: path, outside: path, readOnly: false }));
}

/** True if `promise` is settled by now. */
async function isSettled(promise: Promise<unknown>, time: FakeTime): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  await time.settle();
  return settled;
}

// Order

Deno.test("volumes are mounted in the order of the list, and a broken one does not hold up the others", async () => {
  using bench = new Bench();
  await bench.configure("/a", "/b", "/c");
  assert.deepEqual(bench.services.takeAsked(), ["mount /a", "mount /b", "mount /c"]);
  await bench.fail("mount /a");
  await bench.succeed("mount /b");
  assert.deepEqual(bench.states, { "/a": "waiting to retry", "/b": "mounted", "/c": "mounting" });
});

Deno.test("a volume below another waits for it, whatever their order in the list", async () => {
  using bench = new Bench();
  await bench.configure("/srv/data/x", "/srv/data", "/srv", "/srv2");
  assert.deepEqual(bench.services.takeAsked(), ["mount /srv", "mount /srv2"]);
  assert.equal(bench.states["/srv/data/x"], 'waiting for "/srv/data"');
  assert.equal(bench.states["/srv/data"], 'waiting for "/srv"');
  await bench.fail("mount /srv");
  assert.deepEqual(bench.services.takeAsked(), []);
  await bench.time.advance(1_500);
  await bench.succeed("mount /srv");
  assert.deepEqual(bench.services.takeAsked(), ["mount /srv", "mount /srv/data"]);
  await bench.succeed("mount /srv/data");
  assert.deepEqual(bench.services.takeAsked(), ["mount /srv/data/x"]);
});

Deno.test("a mount that fails is tried again with back-off, and said once", async () => {
  using bench = new Bench();
  await bench.configure("/a");
  for (const delay of [1_000, 2_000, 4_000]) {
    await bench.fail("mount /a");
    await bench.time.advance(delay - 100);
    assert.deepEqual(bench.services.open, []);
    await bench.time.advance(200);
  }
  await bench.fail("mount /a", new Error("another reason"));
  const [{ failures, lastError } = {}] = bench.manager.status();
  assert.equal(failures, 4);
  assert.equal(lastError!.message, "another reason");
  assert.deepEqual(bench.log.lines("with back-off"), [
    "error   /a: no; it is tried again with back-off",
    "error   /a: another reason; it is tried again with back-off",
  ]);
});

Deno.test("a device that appears is mounted at once; a broken volume keeps its back-off", async () => {
  using bench = new Bench();
  await bench.configure("/a", "/b");
  await bench.fail("mount /a", new NoDeviceError('There is no device "sdf"'));
  await bench.fail("mount /b");
  assert.equal(bench.states["/a"], "waiting for its device");
  bench.services.takeAsked();
  bench.services.onDevices!();
  await bench.time.settle();
  assert.deepEqual(bench.services.takeAsked(), ["mount /a"]);
  assert.deepEqual(bench.log.lines("sdf"), [
    'warning /a: There is no device "sdf": waiting for it',
  ]);
});

// Who waits

Deno.test("who lies on a volume that is not there waits for it, and others do not", async () => {
  using bench = new Bench();
  await bench.configure("/a", "/b");
  const { signal } = new AbortController();
  const ready = bench.manager.whenReady(mounts("/etc/x", "/a/web", "/b"), signal);
  assert.equal(bench.manager.missing(mounts("/a/web")), "/a");
  assert.equal(bench.manager.missing(mounts("/etc", "/b/*/x")), "/b");
  assert.equal(bench.manager.missing(mounts("/etc", "/ab")), undefined);
  await bench.manager.whenReady(mounts("/etc"), signal);
  await bench.succeed("mount /a");
  assert.equal(await isSettled(ready, bench.time), false);
  assert.equal(bench.manager.missing(mounts("/a/web")), undefined);
  await bench.succeed("mount /b");
  assert.equal(await isSettled(ready, bench.time), true);
  await ready;
});

Deno.test("who waits stops waiting when nobody wants the volume any more, or when called off", async () => {
  using bench = new Bench();
  await bench.configure("/a");
  const abort = new AbortController();
  const calledOff = bench.manager.whenReady(mounts("/a"), abort.signal);
  const other = bench.manager.whenReady(mounts("/a"), new AbortController().signal);
  abort.abort(new Error("called off"));
  await assert.rejects(calledOff, /called off/);
  await bench.configure();
  await other;
});

// Reload

Deno.test("an added volume is mounted, and what did not change is left alone", async () => {
  using bench = new Bench();
  await bench.configure("/a");
  await bench.succeed("mount /a");
  bench.services.takeAsked();
  await bench.configure("/b", "/a");
  assert.deepEqual(bench.services.takeAsked(), ["mount /b"]);
  assert.deepEqual(Object.keys(bench.states), ["/b", "/a"]);
});

Deno.test("a removed volume is unmounted once no container uses it, and then forgotten", async () => {
  using bench = new Bench();
  await bench.configure("/a", "/b");
  await bench.succeed("mount /a");
  await bench.succeed("mount /b");
  bench.manager.setUsed(mounts("/a/web/data"));
  bench.services.takeAsked();
  await bench.configure();
  assert.deepEqual(bench.services.takeAsked(), ["unmount /b"]);
  assert.equal(bench.states["/a"], "mounted until nothing uses it any more");
  bench.manager.setUsed([]);
  await bench.time.settle();
  assert.deepEqual(bench.services.takeAsked(), ["unmount /a"]);
  await bench.succeed("unmount /a");
  await bench.succeed("unmount /b");
  assert.deepEqual(bench.states, {});
});

Deno.test("a removed volume stays while another is mounted below it", async () => {
  using bench = new Bench();
  await bench.configure("/srv", "/srv/data");
  await bench.succeed("mount /srv");
  await bench.succeed("mount /srv/data");
  bench.services.takeAsked();
  await bench.configure("/srv/data");
  assert.deepEqual(bench.services.takeAsked(), []);
  assert.deepEqual(bench.states, {
    "/srv/data": "mounted",
    "/srv": "mounted until nothing uses it any more",
  });
  await bench.configure();
  assert.deepEqual(bench.services.takeAsked(), ["unmount /srv/data"]);
  await bench.succeed("unmount /srv/data");
  assert.deepEqual(bench.services.takeAsked(), ["unmount /srv"]);
});

Deno.test("a volume that would hide another that is mounted is not mounted over it", async () => {
  using bench = new Bench();
  await bench.configure("/srv/data");
  await bench.succeed("mount /srv/data");
  bench.services.takeAsked();
  await bench.configure("/srv", "/srv/data");
  assert.deepEqual(bench.services.takeAsked(), []);
  assert.equal(bench.states["/srv"], 'would hide "/srv/data": needs a restart');
  assert.equal(bench.states["/srv/data"], "mounted");
});

Deno.test("a volume below one that is being removed waits for the end of that", async () => {
  using bench = new Bench();
  await bench.configure("/srv");
  await bench.succeed("mount /srv");
  bench.services.takeAsked();
  await bench.configure("/srv/data");
  assert.deepEqual(bench.services.takeAsked(), ["unmount /srv"]);
  assert.equal(bench.states["/srv/data"], 'waiting for the end of "/srv"');
  await bench.succeed("unmount /srv");
  assert.deepEqual(bench.services.takeAsked(), ["mount /srv/data"]);
});

Deno.test("options that all file systems have are changed in place; others need a restart, which is said", async () => {
  using bench = new Bench();
  await bench.configure("/a");
  await bench.succeed("mount /a");
  bench.manager.setUsed(mounts("/a"));
  await bench.configure(on("/a", { options: "ro" }));
  await bench.succeed("remount /a ro");
  assert.equal(bench.states["/a"], "mounted");
  await bench.configure(on("/a", { options: "logbufs=8" }));
  assert.equal(bench.states["/a"], "mounted as before the change: needs a restart");
  assert.equal(bench.log.lines("need a restart").length, 1);
  assert.equal(bench.manager.missing(mounts("/a")), undefined);
  bench.services.takeAsked();
  bench.manager.setUsed([]);
  await bench.time.settle();
  assert.equal(bench.manager.missing(mounts("/a")), "/a");
  await bench.succeed("unmount /a");
  assert.deepEqual(bench.services.takeAsked(), ["unmount /a", "mount /a"]);
});

Deno.test("a volume that cannot be unmounted is tried again, and is mounted still", async () => {
  using bench = new Bench();
  await bench.configure("/a");
  await bench.succeed("mount /a");
  await bench.configure();
  await bench.fail("unmount /a", new Error("EBUSY"));
  assert.equal(bench.states["/a"], "in use, to be unmounted");
  await bench.time.advance(1_500);
  await bench.succeed("unmount /a");
  assert.deepEqual(bench.states, {});
});

Deno.test("a volume that somebody has unmounted is mounted again, and who starts meanwhile waits", async () => {
  using bench = new Bench();
  await bench.configure("/a");
  await bench.succeed("mount /a");
  bench.manager.setUsed(mounts("/a"));
  bench.services.lost.add("/a");
  await bench.time.advance(MINUTE);
  assert.equal(bench.manager.missing(mounts("/a")), "/a");
  assert.equal(bench.log.lines("Somebody has unmounted it").length, 1);
  bench.services.lost.clear();
  await bench.succeed("mount /a");
  assert.equal(bench.manager.missing(mounts("/a")), undefined);
});

// Growing

Deno.test("a volume grows when its disk has: on an event, or found by the look every minute", async () => {
  using bench = new Bench();
  bench.services.disks.set("a", 100);
  await bench.configure("/a", "/b");
  await bench.succeed("mount /a");
  await bench.succeed("mount /b");
  bench.services.takeAsked();
  bench.services.onDevices!();
  await bench.time.advance(5 * MINUTE);
  assert.deepEqual(bench.services.takeAsked(), []);
  bench.services.disks.set("a", 200);
  bench.services.onDevices!();
  bench.services.onDevices!();
  assert.deepEqual(bench.services.takeAsked(), ["grow /a"]);
  await bench.succeed("grow /a", { from: 100 * 2 ** 20, to: 200 * 2 ** 20 });
  assert.deepEqual(bench.log.lines("Grown"), [
    "info    /a: Grown from 100 MiB to 200 MiB, as its device has bytesBefore=104857600 bytes=209715200",
  ]);
  bench.services.disks.set("a", 300);
  await bench.time.advance(MINUTE);
  assert.deepEqual(bench.services.takeAsked(), ["grow /a"]);
});

Deno.test("a disk that changes again while its volume grows is not forgotten", async () => {
  using bench = new Bench();
  await bench.mountOnDisk();
  bench.services.takeAsked();
  for (const size of [200, 300]) {
    bench.services.disks.set("a", size);
    bench.services.onDevices!();
  }
  assert.deepEqual(bench.services.takeAsked(), ["grow /a"]);
  await bench.succeed("grow /a", { from: 100 * 2 ** 20, to: 200 * 2 ** 20 });
  assert.deepEqual(bench.services.takeAsked(), ["grow /a"]);
  bench.services.disks.set("a", 400);
  await bench.fail("grow /a", new Error("EIO"));
  assert.deepEqual(bench.services.takeAsked(), ["grow /a"]);
  bench.services.disks.set("a", 500);
  await bench.configure();
  await bench.succeed("grow /a", undefined);
  assert.deepEqual(bench.services.takeAsked(), ["unmount /a"]);
});

Deno.test("a disk that has changed again when its volume has become read-only is looked at once it is not any more", async () => {
  using bench = new Bench();
  await bench.mountOnDisk("rw");
  bench.services.disks.set("a", 200);
  await bench.time.advance(MINUTE);
  bench.services.disks.set("a", 300);
  await bench.configure(on("/a", { options: "ro" }));
  await bench.succeed("remount /a ro");
  await bench.succeed("grow /a", undefined);
  assert.deepEqual(bench.services.open, []);
  await bench.configure(on("/a", { options: "rw" }));
  await bench.succeed("remount /a rw");
  await bench.time.advance(MINUTE);
  assert.deepEqual(bench.services.open.map(({ what }) => what), ["grow /a"]);
});

Deno.test("a volume that is read-only does not grow, and does once it is not any more", async () => {
  using bench = new Bench();
  await bench.mountOnDisk("ro");
  bench.services.disks.set("a", 200);
  await bench.time.advance(5 * MINUTE);
  assert.deepEqual(bench.services.open, []);
  await bench.configure(on("/a", { options: "rw" }));
  await bench.succeed("remount /a rw");
  await bench.time.advance(MINUTE);
  assert.deepEqual(bench.services.open.map(({ what }) => what), ["grow /a"]);
});

Deno.test("growth that brings nothing, or fails, is not tried again before the disk changes", async () => {
  using bench = new Bench();
  await bench.mountOnDisk();
  bench.services.disks.set("a", 101);
  await bench.time.advance(MINUTE);
  await bench.succeed("grow /a", undefined);
  bench.services.disks.set("a", 200);
  await bench.time.advance(MINUTE);
  await bench.fail("grow /a", new Error("EIO"));
  await bench.time.advance(10 * MINUTE);
  assert.deepEqual(bench.services.open, []);
  assert.equal(bench.log.lines("EIO").length, 1);
});

Deno.test("a volume that cannot grow when it is mounted is used as it is, and the error is said", async () => {
  using bench = new Bench();
  bench.services.disks.set("sdb", 100);
  await bench.configure(on("/a", { device: "/dev/sdb" }));
  const growthError = ["Cannot grow to 100 blocks", "EIO"];
  await bench.succeed("mount /a", {
    source: "/dev/sdb",
    mountPoint: "/a",
    disk: "sdb",
    diskSize: 100,
    growthError,
  });
  await bench.time.advance(5 * MINUTE);
  assert.equal(bench.manager.missing(mounts("/a")), undefined);
  assert.deepEqual(bench.log.lines("error"), [
    "error   /a: Cannot grow it to the size of its device: Cannot grow to 100 blocks: EIO",
  ]);
});

Deno.test("a volume is not unmounted while it grows", async () => {
  using bench = new Bench();
  await bench.mountOnDisk();
  bench.services.disks.set("a", 200);
  await bench.time.advance(MINUTE);
  bench.services.takeAsked();
  await bench.configure();
  assert.deepEqual(bench.services.takeAsked(), []);
  await bench.succeed("grow /a", undefined);
  assert.deepEqual(bench.services.takeAsked(), ["unmount /a"]);
});

// Status

Deno.test("what a server has is measured in a process of its own, now and then, and kept", async () => {
  using bench = new Bench();
  await bench.configure(nfs("/net"), "/net/disk", "/disk");
  await bench.succeed("mount /net");
  await bench.succeed("mount /disk");
  assert.equal(bench.manager.status()[0]!.size, undefined);
  await bench.succeed("measure /net", { size: 500, used: 5 });
  await bench.succeed("mount /net/disk");
  const usage = () => bench.manager.status().map(({ size, used }) => [size, used]);
  // To reach what lies below, the server is asked, too.
  assert.deepEqual(usage(), [[500, 5], [undefined, undefined], [1000, 10]]);
  await bench.time.advance(MINUTE);
  await bench.fail("measure /net");
  await bench.time.advance(5 * MINUTE);
  assert.equal(bench.services.open.filter(({ what }) => what === "measure /net").length, 1);
  assert.deepEqual(usage()[0], [500, 5]);
});

Deno.test("a server's volume that was removed, or is another one now, is asked in a process of its own still", async () => {
  using bench = new Bench();
  await bench.configure(nfs("/a"), nfs("/b"));
  await bench.succeed("mount /a");
  await bench.succeed("mount /b");
  bench.manager.setUsed(mounts("/a", "/b"));
  await bench.configure("/b");
  assert.deepEqual(bench.manager.status().map(({ size }) => size), [undefined, undefined]);
});

Deno.test("status tells what is mounted, and what went wrong last", async () => {
  using bench = new Bench();
  await bench.configure(on("/a", { device: "LABEL=data" }));
  await bench.fail("mount /a");
  await bench.time.advance(1_500);
  await bench.succeed("mount /a", { source: "/dev/sdb", mountPoint: "/a", disk: "sdb" });
  assert.deepEqual(bench.manager.status(), [{
    path: "/a",
    state: "mounted",
    device: "LABEL=data",
    source: "/dev/sdb",
    fstype: "xfs",
    size: 1000,
    used: 10,
    failures: 0,
    lastError: { at: "2030-01-01T00:00:00.000Z", message: "no" },
  }]);
});

// The end

Deno.test("stop unmounts the last volume first, what lies below before what is above, and then syncs", async () => {
  using bench = new Bench();
  await bench.configure("/srv/data", "/a", "/srv", "/b");
  for (const path of ["/a", "/srv", "/b", "/srv/data"]) await bench.succeed(`mount ${path}`);
  bench.manager.setUsed(mounts("/a"));
  bench.services.takeAsked();
  const stopped = bench.manager.stop();
  for (const path of ["/b", "/srv/data", "/srv", "/a"]) {
    await bench.time.settle();
    assert.deepEqual(bench.services.takeAsked(), [`unmount ${path}`]);
    await bench.succeed(`unmount ${path}`);
  }
  assert.deepEqual(bench.services.takeAsked(), ["sync"]);
  assert.equal(await isSettled(stopped, bench.time), false);
  await bench.succeed("sync");
  await stopped;
  assert.equal(bench.time.pending, 0);
  assert.equal(bench.services.onDevices, undefined);
});

Deno.test("stop does not wait for ever: what hangs is unmounted lazily", async () => {
  using bench = new Bench();
  await bench.configure("/a", nfs("/net"));
  await bench.succeed("mount /a");
  await bench.succeed("mount /net");
  bench.services.takeAsked();
  const stopped = bench.manager.stop();
  await bench.time.settle();
  await bench.time.advance(10_000);
  assert.deepEqual(bench.services.takeAsked(), ["unmount /net", "unmount /net lazily"]);
  await bench.fail("unmount /net lazily");
  assert.deepEqual(bench.services.takeAsked(), ["unmount /a"]);
  await bench.fail("unmount /a", new Error("EBUSY"));
  await bench.time.advance(1_500);
  await bench.succeed("unmount /a");
  await bench.fail("sync");
  await stopped;
  assert.equal(bench.log.lines("Not unmounted within 10 s: unmounting it lazily").length, 1);
  assert.equal(bench.log.lines("Cannot bring everything to the disks").length, 1);
  assert.equal(bench.time.pending, 0);
});

Deno.test("stop calls off what is being mounted, and unmounts what was mounted all the same", async () => {
  using bench = new Bench();
  await bench.configure("/a", "/b", "/c");
  await bench.fail("mount /c");
  const stopped = bench.manager.stop();
  await bench.time.settle();
  const mount = bench.services.task("mount /b");
  assert(mount.signal!.aborted);
  mount.succeed();
  await bench.time.settle();
  await bench.succeed("unmount /b");
  await bench.fail("mount /a");
  await bench.succeed("sync");
  await stopped;
  assert.equal(bench.time.pending, 0);
});

Deno.test("without volumes nothing is watched, and stop has nothing to do", async () => {
  using bench = new Bench();
  await bench.configure();
  assert.equal(bench.services.onDevices, undefined);
  await bench.manager.stop();
  assert.deepEqual(bench.services.asked, []);
  assert.equal(bench.time.pending, 0);
});
