import assert from "node:assert/strict";
import { reapOrphans } from "../../src/system/orphans.ts";

/** Children that have ended, in the order in which the kernel shows them. */
function ended(...pids: number[]) {
  const reaped: number[] = [];
  return {
    reaped,
    findEndedChild: () => pids.find((pid) => !reaped.includes(pid)),
    reap: (pid: number) => void reaped.push(pid),
  };
}

Deno.test("every orphan that has ended is reaped", () => {
  const statuses = ended(7, 8, 9);
  assert.equal(reapOrphans(statuses, () => false), true);
  assert.deepEqual(statuses.reaped, [7, 8, 9]);
});

Deno.test("the status of a child that is awaited elsewhere is left to whoever waits", () => {
  const statuses = ended(7, 8, 9);
  assert.equal(reapOrphans(statuses, (pid) => pid === 8), false, "9 is hidden behind it");
  assert.deepEqual(statuses.reaped, [7]);
});
