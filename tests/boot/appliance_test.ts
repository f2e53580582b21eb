/** A machine whose init is Frontloader, as `./build.sh quick` makes its system: from the boot to the power-off. */
import assert from "node:assert/strict";
import { pushBusyboxImage } from "../support/busybox_image.ts";
import { commandText } from "../support/command.ts";
import { untilTerm } from "../support/frontloader_fixture.ts";
import { GuestDisk } from "../support/guest/guest_disk.ts";
import { NfsServer } from "../support/guest/nfs_server.ts";
import { Appliance } from "../support/guest/appliance_guest.ts";

/** The phases of a boot and of a shutdown, in their order. */
const BOOT = [
  "System",
  "Root",
  "File systems",
  "Kernel settings",
  "Orphans",
  "Clock",
  "Drivers",
  "Watchdog",
  "Power button",
  "Host name",
  "Loopback",
  "Network",
  "Time",
];
const POWER_OFF = ["Services", "Processes", "Volumes", "Disks", "Watchdog", "Power off"];

/** Names of the phases that a log has of one list. */
function phases(lines: readonly string[], list: string): string[] {
  const pattern = new RegExp(`^\\S+Z \\w+ +${list}: (.*?)(: .*)?( ms=\\d+)?$`);
  return lines.filter((line) => !/ goes on ms=\d+$/.test(line))
    .flatMap((line) => pattern.exec(line)?.[1] ?? []);
}

/** Leaves processes to process 1, and waits until nothing is left of them: a zombie is in /proc as well. */
const ORPHANS = `
for i in 1 2 3; do (sleep 0.1 & echo $! >>/tmp/orphans); done
for pid in $(cat /tmp/orphans); do
  while [ -e /proc/$pid ]; do sleep 0.1; done
done
echo no zombies
trap 'exit 0' TERM
sleep 1000 & wait
`;

/** Writes to both volumes. */
const WRITER = `
echo a disk >/disk/what && echo a server >/share/what && echo both are written
trap 'exit 0' TERM
sleep 1000 & wait
`;

Deno.test("a machine boots, runs a container, upgrades it, and powers off when its button is pressed", async (t) => {
  await using world = await Appliance.create();
  const { registry } = world;
  const push = (version: number) =>
    pushBusyboxImage(registry, {
      repository: "web",
      tag: "latest",
      entrypoint: [
        "/bin/sh",
        "-c",
        `cat /proc/self/oom_score_adj\n${untilTerm(`version ${version}`)}`,
      ],
    });
  await push(1);
  const manifest = world.image("web");
  world.configuration = {
    checkInterval: 1,
    volumes: [
      { path: "/srv", device: "/dev/vda", fstype: "xfs", format: "ifBlank" },
      { path: "/mnt/share", device: `${world.network.address}:/data`, fstype: "nfs4" },
    ],
    containers: [
      { id: "web", manifest, mounts: { "/data": "/srv" } },
      {
        id: "writer",
        manifest,
        command: WRITER,
        mounts: { "/disk": "/srv", "/share": "/mnt/share" },
      },
      { id: "orphans", manifest, command: ORPHANS, hostPid: true, init: false },
    ],
  };
  await using server = new NfsServer({ network: world.network });
  await server.start();
  using disk = new GuestDisk({ serial: "data", size: 320 });
  await using guest = world.boot({
    disks: [disk],
    memory: 512,
    words: ["FL_WATCHDOG=20"],
    arguments: ["-device", "i6300esb"],
  });

  await t.step("the log reads as the list of phases", async () => {
    await guest.waitForLine(/ Frontloader \S+ starts /);
    assert.deepEqual(phases(guest.lines, "boot"), BOOT);
    const failed = guest.lines.filter((line) => /Z error +boot: /.test(line));
    assert.deepEqual(failed, []);
    await guest.waitForLine(/ boot: Watchdog: resets the machine after 20 s /);
    await guest.waitForLine(/ boot: Network: eth0 has 10\.77\.0\.\d+\/24, gateway 10\.77\.0\.1/);
  });

  await t.step("a container is pulled and runs; memory that runs out can end it", async () => {
    await guest.waitForLine(/ web\| 0$/);
    await guest.waitForLine(/ web\| version 1$/);
  });

  await t.step("processes whose parent has ended do not stay zombies", async () => {
    await guest.waitForLine(/ orphans\| no zombies$/);
  });

  await t.step("volumes: a disk that grows while it is in use, and a share by NFS", async () => {
    await guest.waitForLine(/ writer\| both are written$/);
    assert.equal(await Deno.readTextFile(`${server.data}/what`), "a server\n");
    await guest.resize(disk, 400);
    await guest.waitForLine(/ \/srv: Grown from .* bytes=419430400$/);
  });

  await t.step("a push upgrades it", async () => {
    await push(2);
    await guest.waitForLine(/ web\| version 2$/);
    await guest.waitForLine(/ web\| version 1 ends$/);
  });

  await t.step("the power button ends everything in order", async () => {
    await guest.control("system_powerdown");
    await guest.waitForLine(/ Stopping, as the power button asks/);
    await guest.ended;
    const order = [
      / web\| version 2 ends$/,
      / Stopped$/,
      / shutdown: Power off$/,
      /reboot: Power down/,
    ];
    const at = order.map((pattern) => guest.lines.findIndex((line) => pattern.test(line)));
    assert.ok(
      at.every((index, i) => index > (at[i - 1] ?? -1)),
      `${at}: ${guest.lines.join("\n")}`,
    );
    assert.deepEqual(phases(guest.lines, "shutdown"), POWER_OFF);
    // Otherwise there would be something to do for the next mount.
    assert.match(await commandText(["xfs_logprint", "-t", disk.path]), /state: <CLEAN>/);
  });
});
