import assert from "node:assert/strict";
import { hasKey, isPowerPressed, powerButtons } from "../../src/system/buttons.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

/** Of an ACPI power button, and of a keyboard with such a key and many others. */
const BITMAPS = {
  button: "10000000000000 0",
  keyboard: "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe",
};

Deno.test("the bit of a key is found in the kernel's bitmap", () => {
  assert.equal(hasKey(BITMAPS.button, 116), true);
  assert.equal(hasKey(BITMAPS.button, 115), false);
  assert.equal(hasKey(BITMAPS.button, 700), false);
  assert.equal(hasKey(BITMAPS.keyboard, 1), true, "escape");
  assert.equal(hasKey("0\n", 116), false);
  assert.equal(hasKey("", 116), false);
});

Deno.test("a machine's power buttons are the input devices with that key", () => {
  using directory = new TemporaryDirectory();
  const devices = { event0: BITMAPS.button, event1: "0", input3: BITMAPS.button };
  for (const [name, keys] of Object.entries(devices)) {
    const capabilities = `${directory.path}/${name}/device/capabilities`;
    Deno.mkdirSync(capabilities, { recursive: true });
    Deno.writeTextFileSync(`${capabilities}/key`, `${keys}\n`);
  }
  Deno.mkdirSync(`${directory.path}/event2`);
  assert.deepEqual(powerButtons(directory.path), ["event0"]);
  assert.deepEqual(powerButtons(`${directory.path}/missing`), []);
});

/** `struct input_event` on a 64-bit machine. */
function event(type: number, code: number, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint16(16, type, true);
  view.setUint16(18, code, true);
  view.setInt32(20, value, true);
  return new Uint8Array(view.buffer);
}

Deno.test("the power button is pressed, not released, and nothing else was", () => {
  const [press, release, sync, other] = [
    event(1, 116, 1),
    event(1, 116, 0),
    event(0, 0, 0),
    event(1, 30, 1),
  ];
  assert.equal(isPowerPressed(press), true);
  assert.equal(isPowerPressed(new Uint8Array([...sync, ...press])), true);
  assert.equal(isPowerPressed(new Uint8Array([...release, ...sync, ...other])), false);
  assert.equal(isPowerPressed(press.subarray(0, 23)), false);
  assert.equal(isPowerPressed(new Uint8Array()), false);
});
