import assert from "node:assert/strict";
import { parseDeviceEvent } from "../../ffi/device_events.ts";

Deno.test("an event of the kernel is read into its variables", () => {
  const text = "change@/devices/virtual/block/loop0\0ACTION=change\0SUBSYSTEM=block\0X=a=b\0";
  assert.deepEqual(
    [...parseDeviceEvent(new TextEncoder().encode(text))],
    [["ACTION", "change"], ["SUBSYSTEM", "block"], ["X", "a=b"]],
  );
});

Deno.test("what is no event of the kernel has no variables", () => {
  assert.deepEqual([...parseDeviceEvent(new Uint8Array())], []);
  assert.deepEqual([...parseDeviceEvent(new TextEncoder().encode("libudev\0\xfe\xed"))], []);
});
