/** How a machine's system ends, and comes back: when somebody wants it, and when nobody does. */
import assert from "node:assert/strict";
import { pushBusyboxImage } from "../support/busybox_image.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { untilTerm } from "../support/frontloader_fixture.ts";
import { Appliance } from "../support/guest/appliance_guest.ts";
import { GuestDisk } from "../support/guest/guest_disk.ts";
import { MetadataServer } from "../support/metadata_server.ts";
import { TimeServer } from "../support/time_server.ts";

/** A world in which machines run this script in a container. */
async function worldWith(script: string, settings: object = {}): Promise<Appliance> {
  const world = await Appliance.create();
  const { registry } = world;
  await pushBusyboxImage(registry, {
    repository: "web",
    tag: "latest",
    entrypoint: ["/bin/sh", "-c", script],
  });
  const manifest = `${registry.origin}/v2/web/manifests/latest`;
  world.configuration = { container: { id: "web", manifest, ...settings } };
  return world;
}

Deno.test("a machine in EC2 finds its configuration by its user data, whatever its clock shows, and restarts at ctrl-alt-del", async (t) => {
  // It takes no notice of TERM.
  await using world = await worldWith(
    `trap 'echo "not now"' TERM\necho ready\nwhile :; do sleep 1; done`,
  );
  const { network } = world;
  await using metadata = network.inside(() =>
    new MetadataServer({ hostname: "169.254.169.254", port: 80 })
  );
  await using time = network.inside(() => new TimeServer(network.address));
  metadata.contents.set("user-data", JSON.stringify({ url: world.configurationUrl }));
  metadata.contents.set("meta-data/instance-id", "i-1");
  metadata.contents.set("meta-data/placement/availability-zone", "eu-west-1a");
  metadata.contents.set("meta-data/local-ipv4", "10.77.0.7");
  await using guest = world.boot({
    source: ["FL_ENV=ec2"],
    words: [`FL_NTP=${network.address}`],
    arguments: ["-rtc", "base=2001-01-01T00:00:00"],
  });

  await t.step("the clock is set before the configuration is asked for", async () => {
    await guest.waitForLine(
      / boot: Clock: was 2001-01-01T\S+, before this system was built: set to 20/,
    );
    await guest.waitForLine(/ boot: Time: set by 10\.77\.0\.1 /);
    const line = await guest.waitForLine(/ Frontloader \S+ starts /);
    const difference = Date.parse(line.split(" ")[0]!) - Date.now();
    assert.ok(Math.abs(difference) < 30_000, `${difference} ms`);
    assert.ok(time.requests > 0);
  });

  await t.step("what the user data name runs", async () => {
    await guest.waitForLine(/ web\| ready$/);
    assert.ok(guest.lines.some((line) => / machine: This machine is i-1\./.test(line)));
  });

  await t.step(
    "ctrl-alt-del asks containers to end, and a second time does not wait for them",
    async () => {
      const keys = ["ctrl", "alt", "delete"].map((data) => ({ type: "qcode", data }));
      await guest.control("send-key", { keys });
      await guest.waitForLine(/ Stopping, as SIGINT asks/);
      await guest.waitForLine(/ web\| not now$/);
      await guest.control("send-key", { keys });
      await guest.waitForLine(/ shutdown: Restart$/);
      await guest.ended;
      assert.match(guest.lines.at(-1)!, /reboot: Restarting system/);
    },
  );
});

Deno.test("an init that cannot even begin says why, and restarts the machine", async () => {
  await using world = await Appliance.create();
  await using guest = world.boot({ source: [], words: ["--", "--no-such-option"] });
  await guest.waitForLine(/^frontloader: .*--no-such-option/);
  await guest.waitForLine(/^frontloader: this machine restarts in 10 s$/);
  await guest.ended;
  assert.ok(!guest.lines.some((line) => /panic/i.test(line)));
  assert.match(guest.lines.at(-1)!, /reboot: Restarting system/);
});

/** Puts process 1 to sleep, as a bug or broken hardware might. */
const FREEZE = `
mkdir /cgroup/frozen
echo 1 >/cgroup/frozen/cgroup.procs
echo 1 >/cgroup/frozen/cgroup.freeze
`;

/**
 * Makes the machine's kernel panic (Documentation/admin-guide/sysrq.rst), after there was time to log that this runs, and whatever
 * the next configuration says.
 */
const PANIC = "trap '' TERM; sleep 3; echo c >/machine/sysrq-trigger";

Deno.test("a machine always comes back", async (t) => {
  // Written to all the time, whatever comes in between.
  const script = `while sleep 0.2; do date >/data/$(date +%s); done & ${untilTerm("ready")}`;
  await using world = await worldWith(script, { mounts: { "/data": "/srv" } });
  world.configuration = {
    ...world.configuration,
    reloadInterval: 1,
    volumes: [{ path: "/srv", device: "/dev/vda", fstype: "xfs", format: "ifBlank" }],
  };
  using disk = new GuestDisk({ serial: "data", size: 320 });
  await using guest = world.boot({
    reboots: true,
    disks: [disk],
    words: ["FL_WATCHDOG=10"],
    arguments: ["-device", "i6300esb"],
  });

  await t.step("whenever it is reset", async () => {
    const random = seededRandom(20);
    let from = 0;
    for (let i = 0; i < 20; i++) {
      // Mostly while it boots, from the firmware's first moments on; every fifth time while the container writes to its disk.
      if (i % 5 === 0) await guest.waitForLine(/ web\| ready$/, from);
      await new Promise((resolve) => setTimeout(resolve, 12_000 * random() ** 2));
      from = guest.lines.length;
      await guest.control("system_reset");
    }
    await guest.waitForLine(/ web\| ready$/, from);
  });

  /** Runs a container that brings the machine down, once, and waits until the usual one is back. */
  const survive = async (settings: object) => {
    const { container, ...others } = world.configuration as { container: object };
    const before = guest.lines.length;
    world.configuration = { ...others, container: { ...container, hostPid: true, ...settings } };
    await guest.waitForLine(/ web: Instance 2 runs /, before);
    world.configuration = { ...others, container };
    await guest.waitForLine(/ Frontloader \S+ starts /, before);
    await guest.waitForLine(
      / web\| ready$/,
      guest.lines.findLastIndex((line) => / starts /.test(line)),
    );
  };

  await t.step(
    "when its init hangs, by the watchdog that the init feeds",
    () => survive({ command: FREEZE, mounts: { "/cgroup": "/sys/fs/cgroup" } }),
  );

  await t.step(
    "when its kernel panics",
    () => survive({ command: PANIC, mounts: { "/machine": "/proc" } }),
  );
});
