import assert from "node:assert/strict";
import { numbersOf } from "../../src/volumes/block_devices.ts";

Deno.test("a device number is taken apart as glibc puts it together", () => {
  assert.equal(numbersOf(0x0701), "7:1");
  assert.equal(numbersOf(65024), "254:0");
  // makedev(259, 1234567) and makedev(4096, 255)
  assert.equal(numbersOf(0x12d610387), "259:1234567");
  assert.equal(numbersOf(Number(0x1000n << 32n | 0xffn)), "4096:255");
});
