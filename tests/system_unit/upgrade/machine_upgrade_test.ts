import assert from "node:assert/strict";
import type { ImageService } from "../../../src/supervisor/image_service.ts";
import { machineUpgrade } from "../../../src/system/upgrade/machine_upgrade.ts";
import { NoUpgrade } from "../../../src/system/upgrade/system_upgrade.ts";

Deno.test("FL_NO_SYSUPGRADE on the kernel's command line switches upgrades of the system off", () => {
  const upgrade = machineUpgrade(
    { images: {} as ImageService, directory: "/nonexistent", mountSource: "test" },
    { environment: { FL_NO_SYSUPGRADE: "1" }, leave: () => assert.fail("leaves") },
  );
  assert(upgrade instanceof NoUpgrade);
});
