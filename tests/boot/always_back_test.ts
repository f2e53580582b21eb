/** A machine that nobody looks after comes back by itself. */
import { seededRandom } from "../support/seeded_random.ts";
import { untilTerm } from "../support/frontloader_fixture.ts";
import { Appliance } from "../support/guest/appliance_guest.ts";
import { GuestDisk } from "../support/guest/guest_disk.ts";

/**
 * A container that does something terrible when it is told to end: by then it is in the log that it runs, and the next
 * configuration is another.
 */
function atEnd(deed: string): string {
  return `trap '${deed}' TERM\necho armed; while :; do sleep 0.1; done`;
}

/** Puts process 1 to sleep, as a bug or broken hardware might. */
const FREEZE = atEnd(
  "mkdir /cgroup/frozen; echo 1 >/cgroup/frozen/cgroup.procs; echo 1 >/cgroup/frozen/cgroup.freeze",
);

/** Makes the machine's kernel panic (Documentation/admin-guide/sysrq.rst). */
const PANIC = atEnd("echo c >/machine/sysrq-trigger");

Deno.test("a machine always comes back", async (t) => {
  // Written to all the time, whatever comes in between.
  const script = `while sleep 0.2; do date >/data/$(date +%s); done & ${untilTerm("ready")}`;
  await using world = await Appliance.running(script, { mounts: { "/data": "/srv" } });
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
    await guest.waitForLine(/ web\| armed$/, before);
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
