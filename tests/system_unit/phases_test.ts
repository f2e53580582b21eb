import assert from "node:assert/strict";
import { runPhases } from "../../src/system/phases.ts";
import { CapturedLog } from "../support/captured_log.ts";
import { FakeTime } from "../support/fake_time.ts";

Deno.test("phases run one after the other, and the log reads as their list", async () => {
  using log = new CapturedLog();
  using time = new FakeTime();
  const done = runPhases("boot", [
    { name: "Drivers", run: () => new Promise((resolve) => setTimeout(resolve, 40)) },
    { name: "Network", run: () => "eth0 has 192.0.2.7/24" },
  ]);
  await time.advance(40);
  await done;
  assert.deepEqual(log.lines(), [
    "info    boot: Drivers ms=40",
    "info    boot: Network: eth0 has 192.0.2.7/24 ms=0",
  ]);
});

Deno.test("a phase that fails is said with all its causes, and the next ones run", async () => {
  using log = new CapturedLog();
  using _time = new FakeTime();
  await runPhases("boot", [
    {
      name: "Drivers",
      run() {
        throw new Error("Cannot start modprobe", { cause: new Error("not found") });
      },
    },
    { name: "Network", run: () => Promise.reject(new Error("no link")) },
    { name: "Time", run: () => {} },
  ]);
  assert.deepEqual(log.lines(), [
    "error   boot: Drivers failed: Cannot start modprobe: not found ms=0",
    "error   boot: Network failed: no link ms=0",
    "info    boot: Time ms=0",
  ]);
});

Deno.test("a phase that takes long is mentioned while it does", async () => {
  using log = new CapturedLog();
  using time = new FakeTime();
  const slow = Promise.withResolvers<void>();
  const done = runPhases("shutdown", [{ name: "Disks", run: () => slow.promise }]);
  await time.advance(12_000);
  assert.deepEqual(log.lines(), [
    "info    shutdown: Disks goes on ms=5000",
    "info    shutdown: Disks goes on ms=10000",
  ]);
  slow.resolve();
  await done;
  assert.equal(time.pending, 0);
});
