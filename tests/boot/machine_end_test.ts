/** How a machine's system ends, and one that cannot begin. */
import assert from "node:assert/strict";
import { Appliance } from "../support/guest/appliance_guest.ts";
import { PATIENCE_MS } from "../support/guest/guest_shell.ts";
import { MetadataServer } from "../support/metadata_server.ts";
import { TimeServer } from "../support/time_server.ts";

Deno.test("a machine in EC2 finds its configuration by its user data, whatever its clock shows, and restarts at ctrl-alt-del", async (t) => {
  // It takes no notice of TERM.
  await using world = await Appliance.running(
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
    assert.ok(Math.abs(difference) < PATIENCE_MS, `${difference} ms`);
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
