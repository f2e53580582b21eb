/** Disks of a guest: what cannot be had on this machine. */
import assert from "node:assert/strict";
import { GuestDisk } from "../support/guest/guest_disk.ts";
import { GuestFixture, guestStatus } from "../support/guest/guest_fixture.ts";
import { GuestRoot } from "../support/guest/guest_root.ts";

const MIB = 2 ** 20;

/** Writes one file after the other to the volume, and says what is in it. */
const WRITER = `
n=0
while :; do
  n=$((n + 1))
  head -c 100000 /dev/urandom >/data/$n
  echo "$(sha256sum </data/$n) $n"
  sleep 0.5
done
`;

Deno.test("disks of a guest", async (t) => {
  using root = await GuestRoot.build({
    modules: ["xfs"],
    programs: ["/usr/sbin/mkfs.xfs", "/usr/sbin/blkid"],
    bundles: [new URL("guest/identify_nvme.ts", import.meta.url).pathname],
  });
  using disk = new GuestDisk({ serial: "data", size: 400 });
  using nvme = new GuestDisk({ serial: "vol0123456789abcdef0", size: 10, bus: "nvme" });
  await using fixture = await GuestFixture.create();
  await fixture.push("writer", WRITER);
  fixture.configure({
    volumes: [{ path: "/srv", device: "/dev/vda", fstype: "xfs", format: "ifBlank" }],
    container: { id: "writer", manifest: fixture.image("writer"), mounts: { "/data": "/srv" } },
  });
  await using guest = fixture.boot({ root, disks: [disk, nvme], words: ["--", "--debug"] });

  await t.step("a blank disk gets an XFS, and a container writes to it", async () => {
    await guest.waitForLine(/\/srv: Mounted \/dev\/vda/);
    await guest.waitForLine(/writer\| [0-9a-f]{64} +- 3$/);
  });

  await t.step("a disk that becomes larger while it is in use is noticed at once", async () => {
    const before = guest.lines.length;
    await guest.resize(disk, 600);
    const line = await guest.waitForLine(/\/srv: Grown from/, before);
    assert.match(line, /bytes=629145600$/);
    // Every minute disks are looked at in any case, but nothing says this then.
    await guest.waitForLine(/The kernel says that a disk has changed$/, before);
    const { volumes } = await guestStatus(guest);
    assert.ok(volumes[0]!.size! > 500 * MIB, `${volumes[0]!.size}`);
  });

  await t.step("what was written before and after is there", async () => {
    const from = guest.lines.length;
    await guest.waitForLine(/writer\| [0-9a-f]{64} /, from);
    const said = guest.lines.flatMap((line) => {
      const found = /writer\| ([0-9a-f]{64}) +- (\d+)$/.exec(line);
      return found === null ? [] : [`${found[1]}  /srv/${found[2]}`];
    });
    await guest.run(`echo '${said.join("\n")}' | sha256sum -c`);
  });

  await t.step("an NVMe controller says who it is", async () => {
    const text = await guest.run("deno run --quiet -A /guest/identify_nvme.js /dev/nvme0");
    assert.deepEqual(JSON.parse(text), {
      serial: "vol0123456789abcdef0",
      model: "QEMU NVMe Ctrl",
      // The vendor's bytes are Amazon's on EC2 alone.
      name: null,
    });
  });

  await t.step("the volume is clean when Frontloader has ended", async () => {
    await guest.run("kill -TERM 1");
    await guest.waitForLine(/\/srv: Unmounted/);
    await guest.waitForLine(/supervisor: Stopped/);
    await guest.ended;
    const { code, stdout } = await new Deno.Command("xfs_repair", { args: ["-n", disk.path] })
      .output();
    assert.equal(code, 0, new TextDecoder().decode(stdout));
  });
});
