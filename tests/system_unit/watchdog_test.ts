import assert from "node:assert/strict";
import { startWatchdog } from "../../src/system/watchdog.ts";

Deno.test("no watchdog is started where none is wanted, and a timeout that is no number is an error", () => {
  assert.equal(startWatchdog("0"), undefined);
  for (const seconds of ["", "x", "1.5", "-1", "1000000"]) {
    assert.throws(() => startWatchdog(seconds), /Cannot use "FL_WATCHDOG=/, seconds);
  }
});
