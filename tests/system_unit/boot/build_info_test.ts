import assert from "node:assert/strict";
import { buildInfo } from "../../../src/system/boot/build_info.ts";

Deno.test("commit and time of the build are read from os-release", () => {
  const text =
    `NAME="Frontloader"\n# a comment\nBUILD_ID=0123abc\nFRONTLOADER_BUILD_TIME='1777593600'\n`;
  assert.deepEqual(buildInfo(() => text), {
    commit: "0123abc",
    builtAt: new Date("2026-05-01T00:00:00Z"),
  });
});

Deno.test("what os-release does not say is unknown", () => {
  const unknown = { commit: undefined, builtAt: undefined };
  assert.deepEqual(buildInfo(() => "ID=debian\n"), unknown);
  assert.deepEqual(buildInfo(() => "BUILD_ID=\nFRONTLOADER_BUILD_TIME=yesterday\n"), unknown);
  assert.deepEqual(
    buildInfo(() => {
      throw new Deno.errors.NotFound();
    }),
    unknown,
  );
});
