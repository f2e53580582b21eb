import assert from "node:assert/strict";
import { commandText, runCommand } from "../support/command.ts";
import { eventually, type RunningFrontloader } from "../support/frontloader.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { LoopDevice } from "../support/loop_device.ts";
import { mountsWith } from "../support/process_facts.ts";
import type { VolumeStatus } from "../../src/volumes/volume_driver.ts";

/** What `frontloader status` tells of one volume. */
async function volumeStatus(frontloader: RunningFrontloader, path: string): Promise<VolumeStatus> {
  const { volumes } = await frontloader.askStatus();
  const found = volumes.find((volume) => volume.path === path);
  if (found === undefined) throw new Error(`No volume ${path} in the status`);
  return found;
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
  Deno.mkdirSync(`${path}/web`);
  Deno.chownSync(`${path}/web`, 77, 77);
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
  assert.equal((await volumeStatus(frontloader, path)).state, "waiting for its device");
  const from = frontloader.lines.length;
  await runCommand(["xfs_admin", "-U", wanted, device.path]);
  await frontloader.waitForLine(/ late\| late$/, from);
  assert.equal((await volumeStatus(frontloader, path)).state, "mounted");
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
      dd if=/dev/urandom of=/data/$i bs=64k count=4 2>/dev/null || { echo "FAILED $i"; break; }
      (cd /data && sha256sum $i) >> /data/sums
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
