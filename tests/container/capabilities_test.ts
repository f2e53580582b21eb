import assert from "node:assert/strict";
import { CAPABILITIES, parseCapability } from "../../src/container/capabilities.ts";

Deno.test("the capabilities are numbered from 0 to 40 without a gap", () => {
  assert.deepEqual(Object.values(CAPABILITIES), Array.from({ length: 41 }, (_, bit) => bit));
});

Deno.test("a capability is known with CAP_ in front and without", () => {
  assert.equal(parseCapability("CAP_NET_BIND_SERVICE"), "CAP_NET_BIND_SERVICE");
  assert.equal(parseCapability("CHECKPOINT_RESTORE"), "CAP_CHECKPOINT_RESTORE");
});

for (const name of ["", "CAP_", "NET_BIND", "net_raw", "CAP_CAP_CHOWN", "toString", "CHOWN "]) {
  Deno.test(`${JSON.stringify(name)} is no capability`, () => {
    assert.throws(() => parseCapability(name), {
      name: "TypeError",
      message: `Cannot use ${JSON.stringify(name)} as a capability: no such name`,
    });
  });
}
