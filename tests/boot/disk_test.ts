/** disk.img, as `./build.sh quick` makes it, boots on machines of either firmware. */
import { untilTerm } from "../support/frontloader_fixture.ts";
import { ApplianceDisk } from "../support/guest/appliance.ts";
import { Appliance } from "../support/guest/appliance_guest.ts";
import { CONSOLE, Guest } from "../support/guest/guest.ts";

/** The smallest machine that it is for. */
const MEMORY = 512;

Deno.test(`disk.img in ${MEMORY} MiB: from power-on to a container's first line`, async (t) => {
  await using world = await Appliance.running(untilTerm("ready"));
  const { network } = world;
  const words = [...CONSOLE, `FL_URL=${world.configurationUrl}`];

  await t.step("by BIOS, with the command line that it was given", async () => {
    using disk = await ApplianceDisk.make(words);
    const options = { network, memory: MEMORY };
    await using guest = new Guest({ ...options, arguments: disk.arguments("bios") });
    await guest.waitForLine(/ web\| ready$/);
  });

  await t.step("by UEFI, from an NVMe disk of 1 GiB that it was written to", async () => {
    using disk = await ApplianceDisk.make(words);
    await disk.resize(1024);
    const options = { network, memory: MEMORY };
    await using guest = new Guest({ ...options, arguments: disk.arguments("uefi", "nvme") });
    await guest.waitForLine(/ web\| ready$/);
  });
});

Deno.test("a disk.img whose first system is gone boots the second one", async () => {
  using disk = await ApplianceDisk.make([...CONSOLE, "FL_URL=/etc/none.json"]);
  await disk.rename("/b", "/c");
  await disk.rename("/a", "/b");
  await using guest = new Guest({ memory: MEMORY, arguments: disk.arguments("bios") });
  await guest.waitForLine(/Frontloader, the second system/);
  await guest.waitForLine(/ starts configuration=\/etc\/none\.json$/);
});
