import assert from "node:assert/strict";
import { CAPABILITIES } from "../../../src/container/capabilities.ts";
import { capabilityMask } from "../../../src/container/stage/credentials.ts";

const masks: readonly (readonly [names: readonly string[], mask: bigint])[] = [
  [[], 0n],
  [["CAP_CHOWN"], 1n],
  [["CAP_NET_BIND_SERVICE", "CAP_SYS_NICE"], 0x800400n],
  [["CAP_SYS_NICE", "CAP_NET_BIND_SERVICE", "CAP_SYS_NICE"], 0x800400n],
  [["CAP_SETFCAP"], 0x80000000n],
  [["CAP_MAC_OVERRIDE"], 0x100000000n],
  [["CAP_CHECKPOINT_RESTORE"], 0x10000000000n],
  [Object.keys(CAPABILITIES), 0x1ffffffffffn],
];

for (const [names, mask] of masks) {
  Deno.test(`the mask of ${names.length > 9 ? "all" : `[${names}]`} is 0x${mask.toString(16)}`, () => {
    assert.equal(capabilityMask(names), mask);
  });
}

Deno.test("a capability that is none never becomes a mask", () => {
  for (const name of ["NET_ADMIN", "CAP_NO_SUCH", "toString"]) {
    assert.throws(() => capabilityMask(["CAP_CHOWN", name]));
  }
});
