import assert from "node:assert/strict";
import type { LimitSettings } from "../../../src/config/settings.ts";
import { limitFiles } from "../../../src/container/cgroup/limit_files.ts";

const rows: readonly [limits: LimitSettings, files: readonly string[]][] = [
  [{}, []],
  [{ filedescriptors: 5 }, []],
  [{ memory: 2 ** 24 }, ["memory.max=16777216", "memory.swap.max=0"]],
  [{ cpu: 1.5 }, ["cpu.max=150000 100000"]],
  // The kernel takes no less than a millisecond.
  [{ cpu: 0.01 }, ["cpu.max=1000 100000"]],
  [{ cpu: 0.333333 }, ["cpu.max=33333 100000"]],
  [{ cpu: 8192 }, ["cpu.max=819200000 100000"]],
  [{ pids: 7 }, ["pids.max=7"]],
];

for (const [limits, files] of rows) {
  Deno.test(`the limits ${JSON.stringify(limits)} are ${files.join(", ") || "no files"}`, () => {
    assert.deepEqual(limitFiles(limits).map(({ name, value }) => `${name}=${value}`), files);
  });
}
