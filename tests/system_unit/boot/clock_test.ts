import assert from "node:assert/strict";
import { judgeClock } from "../../../src/system/boot/clock.ts";

const builtAt = new Date("2026-05-01T00:00:00Z");

Deno.test("a clock that shows a time before the build is set to the build", () => {
  assert.deepEqual(judgeClock(new Date("1970-01-01T00:00:07Z"), builtAt), {
    plausible: false,
    correction: builtAt,
  });
});

Deno.test("a clock that can be right stays as it is", () => {
  for (const now of [builtAt, new Date("2040-01-01T00:00:00Z")]) {
    assert.deepEqual(judgeClock(now, builtAt), { plausible: true, correction: undefined });
  }
});

Deno.test("a clock that is a lifetime ahead is not believed, but not set either", () => {
  assert.deepEqual(judgeClock(new Date("2080-01-01T00:00:00Z"), builtAt), {
    plausible: false,
    correction: undefined,
  });
});

Deno.test("without a time of the build every clock can be right", () => {
  assert.deepEqual(judgeClock(new Date(0), undefined), { plausible: true, correction: undefined });
});
