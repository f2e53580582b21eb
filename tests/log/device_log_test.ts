import assert from "node:assert/strict";
import { deviceLogPath } from "../../src/log/device_log.ts";

Deno.test("/dev/log is process 1's, and nobody else's unless a variable names another path", () => {
  assert.equal(deviceLogPath({}, 1), "/dev/log");
  assert.equal(deviceLogPath({}, 2), undefined);
  assert.equal(deviceLogPath({ FL_DEV_LOG: "" }, 2), undefined);
  assert.equal(deviceLogPath({ FL_DEV_LOG: "/run/x" }, 2), "/run/x");
  assert.equal(deviceLogPath({ FL_DEV_LOG: "/run/x" }, 1), "/run/x");
});
