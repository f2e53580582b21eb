/** A machine changes its own system: to what a registry has, by kexec, and only if that can be loaded. */
import assert from "node:assert/strict";
import { eventually } from "../support/frontloader.ts";
import { untilTerm } from "../support/frontloader_fixture.ts";
import { APPLIANCE, ApplianceDisk } from "../support/guest/appliance.ts";
import { CONSOLE, Guest } from "../support/guest/guest.ts";
import { GuestDisk } from "../support/guest/guest_disk.ts";
import { PATIENCE_MS } from "../support/guest/guest_shell.ts";
import { Appliance } from "../support/guest/appliance_guest.ts";
import { pushSystem, systemCommit, systemOfCommit } from "../support/guest/system_image.ts";

/** With 512 MiB some upgrades find no room: see docs/appliance.md. */
const MEMORY = 640;

/** Says what the kernel was started with, and writes to the volume all the time. */
const WRITER = `
echo "started with: $(cat /proc/cmdline)"
while sleep 0.2; do date >/data/now; done &
${untilTerm("ready")}
`;

/** A world with a container, and a place for images of systems. */
async function upgradeWorld() {
  const world = await Appliance.running(untilTerm("ready"));
  const { registry } = world;
  const configuration = {
    checkInterval: 1,
    kernel: { manifest: world.image("system") },
    container: { id: "web", manifest: world.image("web") },
  };
  world.configuration = configuration;
  const push = (labels: Record<string, string>, files: Record<string, Uint8Array>) =>
    pushSystem(registry, { repository: "system", tag: "latest", labels, files });
  return { world, configuration, push };
}

/** What has a kernel's signature, and is none. */
function imitation(): Uint8Array {
  const bytes = new Uint8Array(2 << 20);
  bytes.set(new TextEncoder().encode("HdrS"), 0x202);
  return bytes;
}

/** What the container has said last of the command line of the kernel that it runs with. */
function startedWith(guest: Guest): string {
  const words = guest.lines.map((line) => / web\| started with: (.*)$/.exec(line)?.[1]);
  return words.findLast((found) => found !== undefined)!;
}

Deno.test("a machine changes to the system that is pushed, if that is one", async (t) => {
  const { world: created, configuration, push } = await upgradeWorld();
  await using world = created;
  const settings = {
    ...configuration,
    reloadInterval: 1,
    volumes: [{ path: "/srv", device: "/dev/vda", fstype: "xfs", format: "ifBlank" }],
    container: { ...configuration.container, command: WRITER, mounts: { "/data": "/srv" } },
  };
  world.configuration = settings;
  const bzImage = await Deno.readFile(APPLIANCE.kernel);
  await push({ commit: systemCommit() }, { bzImage });
  using disk = new GuestDisk({ serial: "data", size: 320 });
  await using guest = world.boot({ memory: MEMORY, disks: [disk] });

  await t.step("an image of the commit that runs is left alone", async () => {
    await guest.waitForLine(/ upgrade: This system is what http:\S+ has commit=/);
    await guest.waitForLine(/ web\| ready$/);
  });
  const words = startedWith(guest);

  const unusable: readonly [
    what: string,
    Record<string, string>,
    Record<string, Uint8Array>,
    RegExp,
  ][] = [
    ["without a commit", {}, { bzImage }, /does not say which commit it is/],
    ["without a kernel", { commit: "a" }, { initrd: bzImage }, /has no file \/bzImage; /],
    [
      "with something else as its kernel",
      { commit: "b" },
      { bzImage: new Uint8Array(9) },
      /is no kernel for/,
    ],
    [
      "that the kernel refuses",
      { "org.opencontainers.image.revision": "c" },
      { bzImage: imitation() },
      /Cannot load the next kernel: ENOEXEC; /,
    ],
    [
      "with an empty initrd",
      { commit: "d" },
      { bzImage, initrd: new Uint8Array() },
      /\/initrd is empty; /,
    ],
    [
      "that there is no memory for",
      { commit: "e" },
      { bzImage, initrd: new Uint8Array(110 << 20) },
      /: Pulling and loading the next kernel takes \d+ MiB of memory, and \d+ MiB are free; /,
    ],
  ];
  for (const [what, labels, files, reason] of unusable) {
    await t.step(`an image ${what} changes nothing`, async () => {
      await push(labels, files);
      await guest.waitForLine(reason);
    });
  }

  await t.step("no container has noticed any of that", () => {
    assert.deepEqual(guest.lines.filter((line) => /ready ends| gets TERM/.test(line)), []);
  });

  /**
   * Pushes a system, and waits until it is the one that runs.
   *
   * @param built what it says of itself: another commit than its image does, and yet not to be taken for something new
   * @param commandLine what it is to be started with, without what Frontloader adds
   */
  const upgrade = async (pushed: string, built: string, commandLine: string) => {
    const before = guest.lines.length;
    const initrd = await systemOfCommit(built);
    const digest = await push({ commit: pushed }, { bzImage, initrd });
    await guest.waitForLine(new RegExp(` Stopping, as the upgrade to ${pushed} asks`), before);
    await guest.waitForLine(/ web\| ready ends$/, before);
    await guest.waitForLine(/ shutdown: Next kernel$/, before);
    const after = guest.lines.findLastIndex((line) => / shutdown: Next kernel$/.test(line));
    await guest.waitForLine(
      new RegExp(` boot: System: commit ${built} of image ${digest} `),
      after,
    );
    await guest.waitForLine(/ web\| ready$/, after);
    assert.equal(startedWith(guest), `${commandLine} FL_KERNEL_DIGEST=${digest}`);
    // The disk was unmounted before, and so there is nothing to recover.
    await guest.waitForLine(/ kernel: XFS \(vda\): Mounting V5 Filesystem/, after);
    assert.ok(
      !guest.lines.slice(after).some((line) => /XFS \(vda\): Starting recovery/.test(line)),
    );
    // Several looks at the registry later it still runs.
    world.registry.log.length = 0;
    const looks = () => world.registry.log.filter(({ path }) => path.includes("/system/")).length;
    await eventually("it has looked again", () => looks() >= 3 || undefined, PATIENCE_MS);
    assert.deepEqual(guest.lines.slice(after).filter((line) => / Stopping, /.test(line)), []);
  };

  await t.step(
    "one that can be loaded is started as this one was, when all containers have ended, and stays",
    () => upgrade("two", "three", words),
  );

  await t.step("its kernel gets another command line if the configuration has one", async () => {
    const cmdline = `${words} "fl.words=by the configuration"`;
    world.configuration = { ...settings, kernel: { ...settings.kernel, cmdline } };
    await upgrade("four", "five", cmdline);
  });
});

Deno.test("a machine that permits no kexec, and has a fixed address, starts its containers all the same, and says why it is not upgraded", async () => {
  const { world: created, push } = await upgradeWorld();
  await using world = created;
  await push({ commit: "two" }, { bzImage: await Deno.readFile(APPLIANCE.kernel) });
  const address = "ip=10.77.0.50::10.77.0.1:255.255.255.0:::off:10.77.0.1";
  await using guest = world.boot({ words: ["sysctl.kernel.kexec_load_disabled=1", address] });
  await guest.waitForLine(/ boot: Network: eth0 has 10\.77\.0\.50\/24, gateway 10\.77\.0\.1/);
  await guest.waitForLine(/ web\| ready$/);
  // Something else may have come between before.
  await guest.waitForLine(
    / error +upgrade: .*Cannot load the next kernel: EPERM; this system goes on$/,
  );
});

Deno.test("a machine whose next kernel panics comes back, and does not try it for ever", async (t) => {
  const { world: created, push } = await upgradeWorld();
  await using world = created;
  const bzImage = await Deno.readFile(APPLIANCE.kernel);
  const words = [...CONSOLE, `FL_URL=${world.configurationUrl}`];
  using disk = await ApplianceDisk.make(words);
  // The kernel takes it for an initramfs, and finds no init in it.
  await push({ commit: "two" }, { bzImage, initrd: new Uint8Array(4096) });
  const options = { network: world.network, memory: MEMORY, reboots: true };
  await using guest = new Guest({ ...options, arguments: disk.arguments("bios") });

  await t.step("it is started twice, since it may have been something else", async () => {
    let from = 0;
    for (const start of [1, 2]) {
      await guest.waitForLine(new RegExp(` shutdown: Count: start ${start} of sha256:`), from);
      await guest.waitForLine(/Kernel panic - not syncing/, from);
      from = guest.lines.findLastIndex((line) => /Kernel panic/.test(line)) + 1;
    }
  });

  await t.step("then containers run on the disk's system, and the reason is said", async () => {
    await guest.waitForLine(/ web\| ready$/);
    await guest.waitForLine(
      / error +upgrade: .*system:latest was started 2 times, and each time this machine came back.*; this system goes on$/,
    );
  });

  await t.step("the next image is started, and runs", async () => {
    const from = guest.lines.length;
    const initrd = await Deno.readFile(APPLIANCE.initrd);
    const digest = await push({ commit: "three" }, { bzImage, initrd });
    await guest.waitForLine(new RegExp(` shutdown: Count: start 1 of ${digest}`), from);
    await guest.waitForLine(new RegExp(` boot: System: .* of image ${digest} `), from);
    await guest.waitForLine(/ web\| ready$/, from);
    await guest.waitForLine(/ upgrade: This system runs: its starts are no longer counted/, from);
  });
});
