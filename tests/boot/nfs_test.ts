/** NFS volumes with a real kernel and a real server. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { eventually } from "../support/frontloader.ts";
import { GuestFixture, guestStatus } from "../support/guest/guest_fixture.ts";
import { GuestRoot } from "../support/guest/guest_root.ts";
import { PATIENCE_MS } from "../support/guest/guest_shell.ts";
import { NfsServer } from "../support/guest/nfs_server.ts";

/** An address of the network that nobody has. */
const NOBODY = "fd77::dead";
/** How long a server is not there. */
const OUTAGE_MS = 30_000;
const OLD_SERVER_PORT = 2050;

/** What the container uses: each version by itself; the newest, by IPv6; a name of which one address is not there. */
const USED = {
  "/srv/v40": { device: "nfs.test:/data", options: "vers=4.0" },
  "/srv/v41": { device: "nfs.test:/data", options: "vers=4.1,noatime" },
  "/srv/v42": { device: "nfs.test:/data", options: "vers=4.2,nosuid" },
  "/srv/v6": { device: "[fd77::1]:/data", options: "" },
  "/srv/two": { device: "two.test:/data", options: "vers=4", uid: 7, gid: 8 },
};

/** What the kernel shows of each. */
const SHOWN = {
  "/srv/v40":
    /^nfs\.test:\/data \S+ nfs4 rw,.*vers=4\.0,.*hard,.*clientaddr=10\.77\.0\.1\d\d,.*addr=10\.77\.0\.1 /,
  "/srv/v41": /^nfs\.test:\/data \S+ nfs4 rw,noatime,.*vers=4\.1,.*addr=10\.77\.0\.1 /,
  // Where two mounts are one to the kernel it shows the first one's name for both.
  "/srv/v42": /^(?:two|nfs)\.test:\/data \S+ nfs4 rw,nosuid,.*vers=4\.2,.*addr=10\.77\.0\.1 /,
  "/srv/v6":
    /^\[fd77::1\]:\/data \S+ nfs4 rw,.*vers=4\.2,.*proto=tcp6,.*clientaddr=fd77::\S*,.*addr=fd77::1 /,
  "/srv/two": /^(?:two|nfs)\.test:\/data \S+ nfs4 rw,.*vers=4\.2,.*addr=10\.77\.0\.1 /,
};

/** Writes a file to each volume and says what is in it; then counts in all of them. */
const WRITER = `
cd /srv
for volume in *; do
  head -c 1000000 /dev/urandom >$volume/$volume.bin
  echo "$(sha256sum <$volume/$volume.bin) $volume"
done
echo all is written
n=0
while :; do
  n=$((n + 1))
  for volume in *; do echo $n >>$volume/$volume.count || echo lost $n on $volume; done
  sleep 0.2
done
`;

const paths = Object.keys(USED) as (keyof typeof USED)[];

Deno.test("NFS volumes", async (t) => {
  using root = await GuestRoot.build({ modules: ["nfsv4"] });
  await using fixture = await GuestFixture.create({
    names: { "nfs.test": ["10.77.0.1"], "two.test": [NOBODY, "10.77.0.1"] },
  });
  const { network } = fixture;
  await using server = new NfsServer({ network });
  await using oldServer = new NfsServer({ network, port: OLD_SERVER_PORT, minorVersions: [0] });
  await fixture.push("writer", WRITER);
  const writer = {
    id: "writer",
    manifest: fixture.image("writer"),
    mounts: Object.fromEntries(paths.map((path) => [path, path])),
  };
  const configure = (further: Readonly<Record<string, object>>, containers: object[] = [writer]) =>
    fixture.configure({
      volumes: Object.entries({ ...USED, ...further }).map(([path, volume]) => ({
        path,
        fstype: "nfs4",
        ...volume,
      })),
      containers,
    });
  configure({});
  await using guest = fixture.boot({ root });
  const volumeStatus = async (path: string) =>
    (await guestStatus(guest)).volumes.find((volume) => volume.path === path);
  const reload = async (further: Readonly<Record<string, object>>, containers?: object[]) => {
    configure(further, containers);
    await guest.run("kill -HUP 1");
  };
  const mountOf = async (path: string) =>
    (await guest.run("cat /proc/mounts")).split("\n").find((line) => line.includes(` ${path} `));
  /** The last number that the container has written to a volume, as the server has it. */
  const countOf = async (path: string) => {
    const text = await Deno.readTextFile(`${server.data}/${nameOf(path)}.count`);
    return text.split("\n").length - 1;
  };

  await t.step("a container waits for the server, and starts once it is there", async () => {
    await guest.waitForLine(/Cannot mount "nfs\.test:\/data" on "\/srv\/v40".*refused/i);
    await guest.waitForLine(/Container writer waits for the volume "?\/srv\/v40/);
    await server.start();
    await guest.waitForLine(/writer\| all is written/);
  });

  await t.step("each is mounted as it is configured", async () => {
    for (const path of paths) assert.match(await mountOf(path) ?? "", SHOWN[path]);
    const { uid, gid } = await Deno.stat(server.data);
    assert.deepEqual([uid, gid], [7, 8]);
  });

  await t.step("what the container writes is what the server has", async () => {
    for (const path of paths) {
      const name = nameOf(path);
      const line = await guest.waitForLine(new RegExp(`writer\\| [0-9a-f]{64} +- ${name}$`));
      const bytes = await Deno.readFile(`${server.data}/${name}.bin`);
      assert.equal(bytes.length, 1_000_000);
      assert.ok(line.includes(createHash("sha256").update(bytes).digest("hex")), line);
    }
  });

  for (
    const [what, begin, end] of [
      ["does not answer", () => server.pause(), () => server.resume()],
      ["is dead, and started again,", () => server.kill(), () => server.start()],
    ] as const
  ) {
    await t.step(`a server that ${what} for 30 s costs nothing but time`, async () => {
      await begin();
      const outage = new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
      // It does not wait for the server, which is not back before this has been answered.
      const { containers } = await guestStatus(guest);
      await outage;
      const before = await Promise.all(paths.map(countOf));
      await end();
      await eventually("the container goes on", async () => {
        const now = await Promise.all(paths.map(countOf));
        return now.every((count, index) => count > before[index]! + 1) || undefined;
      }, PATIENCE_MS);
      const after = await guestStatus(guest);
      const pidsOf = (status: typeof containers) => status[0]?.instances.map(({ pid }) => pid);
      assert.deepEqual(pidsOf(after.containers), pidsOf(containers));
      for (const path of paths) {
        const text = await Deno.readTextFile(`${server.data}/${nameOf(path)}.count`);
        const lines = text.split("\n").slice(0, -1);
        assert.deepEqual(
          lines,
          lines.map((_, index) => `${index + 1}`),
          `nothing is lost: ${path}`,
        );
      }
      assert.ok(!guest.lines.some((line) => line.includes("writer| lost")));
    });
  }

  await t.step("the status tells how large it is", async () => {
    const found = await eventually("it is measured", async () => {
      const volume = await volumeStatus("/srv/v41");
      return volume?.size === undefined ? undefined : volume;
    }, PATIENCE_MS);
    assert.equal(found.state, "mounted");
    assert.equal(found.source, "nfs.test:/data");
    assert.ok(found.used! > 0 && found.used! < found.size!, `${found.used} of ${found.size}`);
  });

  await t.step("what a server does not have, and whom it does not let in, is said", async () => {
    await oldServer.start();
    const old = `port=${OLD_SERVER_PORT}`;
    await guest.run("mkdir -p /srv/taken && mount -t tmpfs taken /srv/taken");
    await reload({
      "/srv/none": { device: "nfs.test:/none" },
      "/srv/secret": { device: "nfs.test:/secret" },
      "/srv/newer": { device: "nfs.test:/data", options: `vers=4.2,${old}` },
      "/srv/nowhere": { device: "nowhere.test:/data" },
      "/srv/three": { device: "nfs.test:/data", options: "vers=3" },
      "/srv/strange": { device: "nfs.test:/data", options: "strange" },
      "/srv/taken": { device: "nfs.test:/data" },
      "/srv/found": { device: "nfs.test:/data", options: old },
    });
    for (
      const [path, reason] of [
        ["/srv/none", /10\.77\.0\.1: It exports no "\/none" to this machine/],
        ["/srv/secret", /10\.77\.0\.1: It does not let this machine mount "\/secret"/],
        ["/srv/newer", /10\.77\.0\.1: It does not have NFS 4\.2/],
        ["/srv/nowhere", /Cannot find the address of "nowhere\.test"/],
        ["/srv/three", /Cannot use NFS "3"/],
        ["/srv/strange", /It cannot be mounted.*strange/],
        ["/srv/taken", /"taken" \(tmpfs\) is mounted there/],
      ] as const
    ) {
      // Something else may have come between before.
      await guest.waitForLine(new RegExp(`error +${path}: .*${reason.source}`));
    }
  });

  await t.step("the newest version that a server has is found", async () => {
    await guest.waitForLine(/info +\/srv\/found: Mounted/);
    assert.match(await mountOf("/srv/found") ?? "", /vers=4\.0,.*port=2050/);
  });

  await t.step("it becomes read-only, and goes, when the configuration says so", async () => {
    await reload({ "/srv/found": { device: "nfs.test:/data", options: "ro,port=2050" } });
    await guest.waitForLine(/info +\/srv\/found: Remounted/);
    assert.match(await mountOf("/srv/found") ?? "", / nfs4 ro,/);
    await reload({});
    await guest.waitForLine(/info +\/srv\/found: Unmounted/);
    assert.equal(await mountOf("/srv/found"), undefined);
  });

  const left = { "/srv/link": { device: "nfs.test:/data", options: "vers=4.2" } };

  await t.step(
    "what was left mounted is mounted anew, also where a symlink leads to it",
    async () => {
      const options = "vers=4.1,addr=10.77.0.1,clientaddr=10.77.0.100";
      await guest.run(`
      mkdir /srv/left && ln -s left /srv/link
      mount -t nfs4 -o ${options} nfs.test:/data /srv/left
    `);
      await reload(left);
      await guest.waitForLine(/info +\/srv\/link: Mounted/);
      const mounts = await guest.run("grep /srv/left /proc/mounts");
      assert.match(mounts, /^\S+ \/srv\/left nfs4 .*vers=4\.2,[^\n]*$/);
    },
  );

  await t.step("a dead server that data has to go to does not keep it from ending", async () => {
    // What a container has written it may wait for in the kernel, which nothing ends, and for a container everything waits.
    await reload(left, []);
    await eventually("the container has ended", async () => {
      const { containers } = await guestStatus(guest);
      return containers.length === 0 || undefined;
    }, PATIENCE_MS);
    await guest.run(`
      (exec >/srv/left/never
      echo open >/tmp/open
      while [ ! -e /tmp/paused ]; do sleep 0.1; done
      head -c 1000000 /dev/zero &
      echo $! >/tmp/writer
      wait
      echo written >/tmp/written
      sleep 1000) </dev/null 2>/dev/null &
      while [ ! -e /tmp/open ]; do sleep 0.1; done
    `);
    server.pause();
    // Either the kernel has taken all of it, or the writer waits in the kernel until the server does.
    await guest.run(`
      touch /tmp/paused
      while [ ! -e /tmp/writer ]; do sleep 0.1; done
      until [ -e /tmp/written ] || grep -q "^State:.D" /proc/$(cat /tmp/writer)/status; do sleep 0.1; done
    `);
    await guest.run("kill -TERM 1");
    await guest.waitForLine(
      /warning +\/srv\/link: Not unmounted within 10 s: unmounting it lazily/,
    );
    await guest.waitForLine(/supervisor: Stopped/);
    // After this the machine waits for its disks, at most two minutes: sync(2) waits for the server too.
    await guest.waitForLine(/ shutdown: Volumes/);
    await guest.waitForLine(/ shutdown: Disks goes on/);
  });
});

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
