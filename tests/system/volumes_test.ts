import assert from "node:assert/strict";
import type { VolumeStatus } from "../../src/volumes/volume_driver.ts";
import { NoDeviceError } from "../../src/volumes/no_device_error.ts";
import { runVolumeTask } from "../../src/volumes/volume_process.ts";
import { commandText, runCommand } from "../support/command.ts";
import { eventually, type RunningFrontloader } from "../support/frontloader.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { LoopDevice } from "../support/loop_device.ts";
import { childrenOf, mountsWith } from "../support/process_facts.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";
import { TemporaryTmpfs } from "../support/temporary_tmpfs.ts";
import { volumeSettings } from "../support/volume_settings.ts";

/** What `frontloader status` tells of one volume. */
async function volumeStatus(frontloader: RunningFrontloader, path: string): Promise<VolumeStatus> {
  const { volumes } = await frontloader.askStatus();
  const found = volumes.find((volume) => volume.path === path);
  if (found === undefined) throw new Error(`No volume ${path} in the status`);
  return found;
}

/** Waits until a volume is in this state, from which another try may take it for a moment, and returns its status. */
function volumeIn(
  state: string,
  frontloader: RunningFrontloader,
  path: string,
): Promise<VolumeStatus> {
  return eventually(`${path} is ${state}`, async () => {
    const status = await volumeStatus(frontloader, path);
    assert.equal(status.state, state);
    return status;
  });
}

/** The options of what is mounted on a path, the mount's and the file system's; undefined if nothing is. */
function mountedOptions(path: string): string | undefined {
  const line = mountsWith(` ${path} `).at(-1);
  if (line === undefined) return undefined;
  const [before = "", after = ""] = line.split(" - ");
  return `${before.split(" ")[5]} ${after.split(" ")[2]}`;
}

Deno.test("a volume is formatted, mounted before the container starts, used, and unmounted after it has ended", async () => {
  await using device = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  const path = `${fixture.directory}/srv`;
  await fixture.push("web", `echo "written" > /data/file\n${untilTerm("ready")}\n`);
  fixture.configure({
    volumes: [{
      path,
      device: device.path,
      fstype: "xfs",
      options: "noatime,nodev",
      uid: 77,
      gid: 78,
      format: "ifBlank",
    }],
    container: {
      id: "web",
      manifest: fixture.image("web"),
      uid: 77,
      mounts: { "/data": `${path}/web` },
    },
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(new RegExp(`${path}: Mounted ${device.path} fstype=xfs`));
  // The container's directory is its own business: made by hand here.
  Deno.mkdirSync(`${path}/made`);
  Deno.chownSync(`${path}/made`, 77, 77);
  Deno.renameSync(`${path}/made`, `${path}/web`);
  await frontloader.waitForLine(/ web\| ready$/);
  assert.match(mountedOptions(path)!, /^rw,nodev,noatime /);
  const { uid, gid } = Deno.statSync(path);
  assert.deepEqual([uid, gid], [77, 78]);
  const { state, source, size, used, fstype, lastError } = await volumeStatus(frontloader, path);
  assert.deepEqual([state, source, fstype, lastError], ["mounted", device.path, "xfs", undefined]);
  assert(size! > 200 * 2 ** 20 && used! > 0 && used! < size!, `${used} of ${size}`);
  assert.match(await frontloader.ask("status"), /^ {2}xfs on .* MiB of .* MiB used$/m);
  await frontloader.stop();
  const order = [/Made an XFS/, /Mounted/, /web\| ready$/, /web\| ready ends/, /Unmounted/].map((
    pattern,
  ) => frontloader.lines.findIndex((line) => pattern.test(line)));
  assert.deepEqual(order, order.toSorted((a, b) => a - b));
  assert(order[0]! >= 0, frontloader.lines.join("\n"));
  assert.equal(mountedOptions(path), undefined);
  await runCommand(["mount", device.path, path]);
  assert.equal(Deno.readTextFileSync(`${path}/web/file`), "written\n");
  await runCommand(["umount", path]);
  await fixture.assertNothingLeft();
});

Deno.test("a container waits for its volume, which says so, while others start; it starts once the device is there", async () => {
  await using fixture = new FrontloaderFixture();
  await using device = await LoopDevice.attach(320);
  await runCommand(["mkfs.xfs", "-q", "-L", "fl-late", device.path]);
  const wanted = (await commandText(["blkid", "-p", "-s", "UUID", "-o", "value", device.path]))
    .trim();
  // Out of sight: another superblock.
  await runCommand(["xfs_admin", "-U", "generate", "-L", "fl-other", device.path]);
  const path = `${fixture.directory}/late`;
  await fixture.push("late", `ls /data\n${untilTerm("late")}`);
  await fixture.push("web", untilTerm("web"));
  fixture.configure({
    volumes: [{ path, device: `UUID=${wanted.toUpperCase()}`, fstype: "xfs" }],
    containers: [
      { id: "late", manifest: fixture.image("late"), mounts: { "/data": path } },
      { id: "web", manifest: fixture.image("web") },
    ],
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ web\| web$/);
  await frontloader.waitForLine(/Container late waits for the volume/);
  const { state, instances } = await containerStatus(frontloader, "late");
  assert.equal(state, `pulling, waiting for the volume "${path}"`);
  assert.deepEqual(instances, []);
  await volumeIn("waiting for its device", frontloader, path);
  const from = frontloader.lines.length;
  await runCommand(["xfs_admin", "-U", wanted, device.path]);
  await frontloader.waitForLine(/ late\| late$/, from);
  assert.equal((await volumeStatus(frontloader, path)).state, "mounted");
  // It waited, rather than to fail again and again.
  assert(
    !frontloader.lines.some((line) => /Cannot start/.test(line)),
    frontloader.lines.join("\n"),
  );
  await frontloader.stop();
  await fixture.assertNothingLeft();
});

Deno.test("the file system grows with its device while a container writes; nothing of what it wrote is lost", async () => {
  await using device = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  const path = `${fixture.directory}/srv`;
  await fixture.push(
    "writer",
    `i=0
    trap 'stop=1' TERM
    echo ready
    while [ -z "$stop" ]; do
      i=$((i+1))
      # The signal goes to every process: one that fails by it is no failure.
      dd if=/dev/urandom of=/data/$i bs=64k count=4 2>/dev/null || { [ "$stop" ] || echo "FAILED $i"; break; }
      (cd /data && sha256sum $i) >> /data/sums
      # It is not to be full before it has grown.
      sleep 0.02
    done
    echo "wrote $i files"`,
  );
  fixture.configure({
    volumes: [{ path, device: device.path, fstype: "xfs", format: "ifBlank" }],
    container: { id: "writer", manifest: fixture.image("writer"), mounts: { "/data": path } },
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ writer\| ready$/);
  const before = (await volumeStatus(frontloader, path)).size!;
  for (
    const [megabytes, text] of [[640, "Grown from 320 MiB to 640 MiB"], [
      960,
      "640 MiB to 960 MiB",
    ]] as const
  ) {
    await device.resize(megabytes);
    await frontloader.waitForLine(new RegExp(text));
  }
  const after = (await volumeStatus(frontloader, path)).size!;
  assert(after >= before + 600 * 2 ** 20, `${before} -> ${after}`);
  await eventually(
    "it goes on writing",
    () => Deno.readTextFileSync(`${path}/sums`).split("\n").length > 20 || undefined,
  );
  await frontloader.stop();
  assert(frontloader.lines.some((line) => / writer\| wrote \d+ files$/.test(line)));
  assert(!frontloader.lines.some((line) => /FAILED/.test(line)), frontloader.lines.join("\n"));
  await runCommand(["xfs_repair", "-n", device.path]);
  await runCommand(["mount", device.path, path]);
  const sums = await commandText(["sha256sum", "--check", "--quiet", "sums"], { cwd: path });
  assert.equal(sums, "");
  await runCommand(["umount", path]);
  await fixture.assertNothingLeft();
});

Deno.test("a file system whose device has grown while it was not mounted grows when it is mounted", async () => {
  await using device = await LoopDevice.attach(320);
  using directory = new TemporaryDirectory();
  await runCommand(["mkfs.xfs", "-q", device.path]);
  await device.resize(640);
  const path = `${directory.path}/volume`;
  const volume = volumeSettings({ path, device: device.path });
  const mount = async () => {
    const { growth, growthError } = await runVolumeTask({ task: "mount", volume });
    await runVolumeTask({ task: "unmount", path, lazily: false });
    return { growth, growthError };
  };
  const MiB = 2 ** 20;
  assert.deepEqual(await mount(), {
    growth: { from: 320 * MiB, to: 640 * MiB },
    growthError: undefined,
  });
  assert.deepEqual(await mount(), { growth: undefined, growthError: undefined });
  await runCommand(["xfs_repair", "-n", device.path]);
});

Deno.test("a growth too small for the file system is left alone, without a word; the next one is taken", async () => {
  await using device = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  const path = `${fixture.directory}/srv`;
  fixture.configure({
    volumes: [{ path, device: device.path, fstype: "xfs", format: "ifBlank" }],
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/: Mounted /);
  // Less than the smallest allocation group, then just that, of 64 blocks of 4 KiB.
  await device.resize(320 + 63 / 256);
  await device.resize(320 + 64 / 256 + 1 / 512);
  const line = await frontloader.waitForLine(/: Grown from /);
  assert.match(line, / bytesBefore=335544320 bytes=335806464$/);
  assert(!frontloader.lines.some((line) => / error /.test(line)), frontloader.lines.join("\n"));
  await frontloader.stop();
});

Deno.test("a reload mounts what is new, remounts what changed, and unmounts what is gone once nothing uses it", async () => {
  await using first = await LoopDevice.attach(320);
  await using second = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  const [a, b] = [`${fixture.directory}/a`, `${fixture.directory}/b`];
  await fixture.push("web", untilTerm("ready"));
  const volume = (path: string, device: string, options = "") => ({
    path,
    device,
    fstype: "xfs",
    options,
    format: "ifBlank",
  });
  const container = { id: "web", manifest: fixture.image("web"), mounts: { "/data": a } };
  const configure = (volumes: object[], container?: object) => {
    fixture.configure({ volumes, ...container && { container } });
    Deno.kill(frontloader.pid, "SIGHUP");
  };
  fixture.configure({ volumes: [volume(a, first.path)], container });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ web\| ready$/);

  configure([volume(a, first.path), volume(b, second.path, "ro")], container);
  await frontloader.waitForLine(new RegExp(`${b}: Mounted`));
  assert.match(mountedOptions(b)!, /^ro,/);

  let from = frontloader.lines.length;
  configure([volume(a, first.path, "noatime,nodev"), volume(b, second.path)], container);
  await frontloader.waitForLine(new RegExp(`${a}: Remounted`));
  await frontloader.waitForLine(new RegExp(`${b}: Remounted`));
  assert.match(mountedOptions(a)!, /^rw,nodev,noatime /);
  assert.match(mountedOptions(b)!, /^rw,relatime rw,/);

  from = frontloader.lines.length;
  configure([volume(a, first.path), volume(b, second.path)], container);
  await frontloader.waitForLine(new RegExp(`${a}: Remounted`), from);
  assert.match(mountedOptions(a)!, /^rw,relatime /);

  // No remount changes this: it waits until the container is gone.
  configure([volume(a, first.path, "logbufs=4")], container);
  await frontloader.waitForLine(new RegExp(`${a}: The new settings need a restart`));
  await frontloader.waitForLine(new RegExp(`${b}: Unmounted`));
  assert.equal(mountedOptions(b), undefined);
  assert.match((await volumeStatus(frontloader, a)).state, /needs a restart$/);
  assert.match(mountedOptions(a)!, /logbufs=8/);

  from = frontloader.lines.length;
  configure([volume(a, first.path, "logbufs=4")]);
  await frontloader.waitForLine(new RegExp(`${a}: Mounted`), from);
  assert.match(mountedOptions(a)!, /logbufs=4/);

  from = frontloader.lines.length;
  configure([]);
  await frontloader.waitForLine(new RegExp(`${a}: Unmounted`), from);
  assert.deepEqual((await frontloader.askStatus()).volumes, []);
  await frontloader.stop();
  await fixture.assertNothingLeft();
});

Deno.test("a container is not started again on the directory below a volume that has gone", async () => {
  await using device = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  const path = `${fixture.directory}/srv`;
  await fixture.push("crash", `echo written >> /data/file\nexit 1`);
  const container = { id: "crash", manifest: fixture.image("crash"), mounts: { "/data": path } };
  const volume = { path, device: device.path, fstype: "xfs", format: "ifBlank" };
  fixture.configure({ volumes: [volume], container });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ crash: Instance 2 ended/);
  // Between two of its starts nothing uses the volume.
  fixture.configure({ volumes: [{ ...volume, device: "/dev/not-there" }], container });
  Deno.kill(frontloader.pid, "SIGHUP");
  await frontloader.waitForLine(/ crash: Cannot start instance \d+: The volume ".*" is not there$/);
  await volumeIn("waiting for its device", frontloader, path);
  assert.deepEqual([...Deno.readDirSync(path)], []);
  await frontloader.stop();
});

Deno.test("volumes are mounted inside of each other, and unmounted in the reverse order", async () => {
  await using outer = await LoopDevice.attach(320);
  await using inner = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  const path = `${fixture.directory}/srv`;
  const volume = { fstype: "xfs", format: "ifBlank" };
  fixture.configure({
    volumes: [
      { ...volume, path: `${path}/deep/data`, device: inner.path },
      { ...volume, path, device: outer.path },
    ],
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(new RegExp(`${path}/deep/data: Mounted`));
  assert.deepEqual(mountsWith(path).map((line) => line.split(" ")[4]), [path, `${path}/deep/data`]);
  const { code } = await frontloader.stop();
  assert.equal(code, 0);
  assert.deepEqual(
    frontloader.lines.filter((line) => /: Unmounted$/.test(line)).map((line) =>
      line.split(" info    ")[1]
    ),
    [`${path}/deep/data: Unmounted`, `${path}: Unmounted`],
  );
});

Deno.test("what a Frontloader that was killed has left mounted is taken over by the next one", async () => {
  await using device = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  const path = `${fixture.directory}/srv`;
  const volume = { path, device: device.path, fstype: "xfs", format: "ifBlank" };
  fixture.configure({ volumes: [volume] });
  const killed = fixture.start();
  await killed.waitForLine(/: Mounted /);
  Deno.writeTextFileSync(`${path}/file`, "kept");
  Deno.kill(killed.pid, "SIGKILL");
  await killed.status;
  assert.match(mountedOptions(path)!, /^rw,relatime /);
  fixture.configure({ volumes: [{ ...volume, options: "noatime" }] });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/ was mounted already$/);
  await frontloader.waitForLine(/: Mounted /);
  assert.match(mountedOptions(path)!, /^rw,noatime /);
  assert.equal(mountsWith(` ${path} `).length, 1);
  assert.equal(Deno.readTextFileSync(`${path}/file`), "kept");
  await frontloader.stop();
  await fixture.assertNothingLeft();
});

Deno.test("what somebody else has mounted on a volume's path is neither hidden nor unmounted", async () => {
  await using device = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  await using other = await TemporaryTmpfs.mount();
  const volume = { path: other.path, device: device.path, fstype: "xfs", format: "ifBlank" };
  fixture.configure({ volumes: [volume] });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/"frontloader-test" \(tmpfs\) is mounted there; it is tried again/);
  await frontloader.stop();
  assert.equal(mountsWith(` ${other.path} `).length, 1);
});

Deno.test("a label finds its device among all of the machine, and is not guessed where two have it", async () => {
  await using first = await LoopDevice.attach(320);
  await using second = await LoopDevice.attach(320);
  using directory = new TemporaryDirectory();
  const label = `t-${crypto.randomUUID().slice(0, 8)}`;
  const path = `${directory.path}/volume`;
  const volume = volumeSettings({ path, device: `LABEL=${label}` });
  await assert.rejects(runVolumeTask({ task: "mount", volume }), NoDeviceError);
  await runCommand(["mkfs.xfs", "-q", "-L", label, second.path]);
  const { source, disk } = await runVolumeTask({ task: "mount", volume });
  assert.deepEqual([source, `/dev/${disk}`], [second.path, second.path]);
  await runVolumeTask({ task: "unmount", path, lazily: false });
  await runCommand(["mkfs.xfs", "-q", "-L", label, first.path]);
  await assert.rejects(runVolumeTask({ task: "mount", volume }), /Cannot tell which device is/);
  assert.equal(mountedOptions(path), undefined);
});

Deno.test("a volume that cannot be mounted says why, in the kernel's words", async () => {
  await using device = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  await runCommand(["mkfs.xfs", "-q", device.path]);
  const [a, b] = [`${fixture.directory}/a`, `${fixture.directory}/b`];
  const volume = { device: device.path, fstype: "xfs" };
  fixture.configure({
    volumes: [{ ...volume, path: a, options: "shiny" }, {
      ...volume,
      path: b,
      options: "logbufs=77",
    }],
  });
  const frontloader = fixture.start();
  await frontloader.waitForLine(new RegExp(`${a}: .*EINVAL: The kernel says: .*'shiny'`));
  await frontloader.waitForLine(
    new RegExp(`${b}: .*EINVAL: The kernel's log says: XFS .*logbufs value: 77`),
  );
  const { lastError } = await volumeIn("waiting to retry", frontloader, a);
  assert.match(lastError!.message, /Unknown parameter 'shiny'/);
  assert.match(await frontloader.ask("status"), /last error.*Unknown parameter 'shiny'/);
});

Deno.test("a removed volume that a process of the machine uses is unmounted once that lets go", async () => {
  await using device = await LoopDevice.attach(320);
  await using fixture = new FrontloaderFixture();
  const path = `${fixture.directory}/srv`;
  const volume = { path, device: device.path, fstype: "xfs", format: "ifBlank" };
  fixture.configure({ volumes: [volume] });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/: Mounted /);
  using held = Deno.openSync(`${path}/held`, { create: true, write: true });
  fixture.configure({ volumes: [] });
  Deno.kill(frontloader.pid, "SIGHUP");
  await frontloader.waitForLine(/Cannot unmount it: Cannot unmount .*: EBUSY/);
  await volumeIn("in use, to be unmounted", frontloader, path);
  held.close();
  await frontloader.waitForLine(/: Unmounted$/);
  await frontloader.stop();
});

Deno.test("a volume that somebody has unmounted is mounted again once that is noticed", async () => {
  await using device = await LoopDevice.attach(320);
  await using other = await LoopDevice.attach(1);
  await using fixture = new FrontloaderFixture();
  const path = `${fixture.directory}/srv`;
  Deno.mkdirSync(`${fixture.directory}/real`);
  Deno.symlinkSync("real", path);
  const volume = { path, device: device.path, fstype: "xfs", format: "ifBlank" };
  fixture.configure({ volumes: [volume] });
  const frontloader = fixture.start();
  await frontloader.waitForLine(/: Mounted /);
  const from = frontloader.lines.length;
  // What happens to any device is a reason to look.
  await other.resize(2);
  await runCommand(["umount", path]);
  await other.resize(3);
  await frontloader.waitForLine(/: Somebody has unmounted it$/, from);
  await frontloader.waitForLine(/: Mounted /, from);
  assert.match(mountedOptions(`${fixture.directory}/real`)!, /^rw,/);
  await frontloader.stop();
  assert.equal(mountedOptions(`${fixture.directory}/real`), undefined);
});

Deno.test("a file system that does not answer holds up nobody but the process that asks", async () => {
  await using device = await LoopDevice.attach(64);
  using directory = new TemporaryDirectory();
  await runCommand(["mkntfs", "-F", "-Q", "-q", device.path]);
  // A file system in user space, whose server can be stopped.
  await using server = await startNtfs(device.path, directory.path);
  Deno.mkdirSync(`${directory.path}/volume`);
  server.process.kill("SIGSTOP");
  const path = `${directory.path}/volume/x`;
  for (
    const task of [
      { task: "measure", path },
      { task: "unmount", path, lazily: false },
      { task: "mount", volume: volumeSettings({ path, device: device.path }) },
    ] as const
  ) {
    await assert.rejects(
      runVolumeTask(task, { patience: 500 }),
      new RegExp(`^Error: Cannot ${task.task}: no answer within 0.5 s$`),
    );
  }
  // They were asked to end, and could.
  await eventually(
    "no volume child is left",
    () => childrenOf(Deno.pid).every(({ args }) => !args.includes("__mount")) || undefined,
  );
});

/** Mounts an NTFS by a process of this test; both are gone when it is disposed of. */
async function startNtfs(
  device: string,
  path: string,
): Promise<AsyncDisposable & { readonly process: Deno.ChildProcess }> {
  const process = new Deno.Command("ntfs-3g", {
    args: ["-o", "no_detach", device, path],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await eventually("it is mounted", () => mountedOptions(path));
  return {
    process,
    async [Symbol.asyncDispose]() {
      process.kill("SIGCONT");
      await runCommand(["umount", path]);
      await process.status;
    },
  };
}
