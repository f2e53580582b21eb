/** disk.img, as `./build.sh quick` makes it, boots on machines of either firmware. */
import { ApplianceDisk } from "../support/guest/appliance.ts";
import { Guest } from "../support/guest/guest.ts";

/** The smallest machine that it is for. */
const MEMORY = 512;
const WORDS = ["console=ttyS0", "quiet", "panic=-1", "FL_URL=/etc/none.json"];
const FIRST_LINE = / starts configuration=\/etc\/none\.json$/;

Deno.test(`disk.img boots by BIOS in ${MEMORY} MiB, with the command line that it was given`, async () => {
  using disk = await ApplianceDisk.make(WORDS);
  await using guest = new Guest({ memory: MEMORY, arguments: disk.arguments("bios") });
  await guest.waitForLine(FIRST_LINE);
});

Deno.test(`disk.img boots by UEFI in ${MEMORY} MiB, from an NVMe disk of 1 GiB that it was written to`, async () => {
  using disk = await ApplianceDisk.make(WORDS);
  await disk.resize(1024);
  await using guest = new Guest({ memory: MEMORY, arguments: disk.arguments("uefi", "nvme") });
  await guest.waitForLine(FIRST_LINE);
});

Deno.test("a disk.img whose first system is gone boots the second one", async () => {
  using disk = await ApplianceDisk.make(WORDS);
  await disk.rename("/b", "/c");
  await disk.rename("/a", "/b");
  await using guest = new Guest({ memory: MEMORY, arguments: disk.arguments("bios") });
  await guest.waitForLine(/Frontloader, the second system/);
  await guest.waitForLine(FIRST_LINE);
});
