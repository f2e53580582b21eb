/** A machine whose init is Frontloader, as `./build.sh quick` makes its system: from the boot to the power-off. */
import assert from "node:assert/strict";
import { pushBusyboxImage } from "../support/busybox_image.ts";
import { untilTerm } from "../support/frontloader_fixture.ts";
import { Appliance } from "../support/guest/appliance_guest.ts";

/** The phases of a boot and of a shutdown, in their order. */
const BOOT = [
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
const POWER_OFF = ["Services", "Processes", "Disks", "Watchdog", "Power off"];

/** Names of the phases that a log has of one list. */
function phases(lines: readonly string[], list: string): string[] {
  const pattern = new RegExp(`^\\S+Z \\w+ +${list}: (.*?)(: .*)?( ms=\\d+)?$`);
  return lines.flatMap((line) => pattern.exec(line)?.[1] ?? []);
}

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
  world.configuration = {
    checkInterval: 1,
    container: { id: "web", manifest: `${registry.origin}/v2/web/manifests/latest` },
  };
  await using guest = world.boot({ arguments: ["-device", "i6300esb"], memory: 512 });

  await t.step("the log reads as the list of phases", async () => {
    await guest.waitForLine(/ Frontloader \S+ starts /);
    assert.deepEqual(phases(guest.lines, "boot"), BOOT);
    const failed = guest.lines.filter((line) => /Z error +boot: /.test(line));
    assert.deepEqual(failed, []);
    await guest.waitForLine(/ boot: Watchdog: resets the machine after 60 s /);
    await guest.waitForLine(/ boot: Network: eth0 has 10\.77\.0\.\d+\/24, gateway 10\.77\.0\.1/);
  });

  await t.step("a container is pulled and runs; memory that runs out can end it", async () => {
    await guest.waitForLine(/ web\| 0$/);
    await guest.waitForLine(/ web\| version 1$/);
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
  });
});
