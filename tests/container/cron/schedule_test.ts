import assert from "node:assert/strict";
import { isTimeZone, nextRun, problemOf } from "../../../src/container/cron/schedule.ts";

const runs: readonly [schedule: string, timeZone: string, after: string, next: string][] = [
  ["0 3 * * *", "UTC", "2026-01-31T12:00:00Z", "2026-02-01T03:00:00Z"],
  // One that is due now has been run.
  ["0 3 * * *", "UTC", "2026-01-31T03:00:00Z", "2026-02-01T03:00:00Z"],
  ["0 3 * * *", "Europe/Berlin", "2026-01-31T12:00:00Z", "2026-02-01T02:00:00Z"],
  ["@daily", "America/New_York", "2026-07-01T12:00:00Z", "2026-07-02T04:00:00Z"],
  ["0 0 29 2 *", "UTC", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"],
  // Day of the month or day of the week, whichever comes first (crontab(5)).
  ["0 0 13 * 5", "UTC", "2026-02-01T00:00:00Z", "2026-02-06T00:00:00Z"],
  ["*/15 * * * MON-FRI", "UTC", "2026-02-06T23:50:00Z", "2026-02-09T00:00:00Z"],
  // 02:30 does not exist on that day, and comes twice on the other.
  ["30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"],
  ["30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
];

for (const [schedule, timeZone, after, next] of runs) {
  Deno.test(`after ${after} in ${timeZone} the next of ${schedule} is ${next}`, () => {
    const found = nextRun(schedule, { timeZone, after: new Date(after) });
    assert.deepEqual(found, new Date(next));
  });
}

Deno.test("a schedule that never comes has no next", () => {
  const after = new Date("2026-01-01T00:00:00Z");
  assert.equal(nextRun("0 0 30 2 *", { timeZone: "UTC", after }), undefined);
  assert.equal(problemOf("0 0 30 2 *"), "it never comes");
});

Deno.test("a schedule has five fields, seconds and years are none of them", () => {
  assert.equal(problemOf("* * * * *"), undefined);
  for (const schedule of ["* * * * * *", "* * * * * * 2030", "* * * *", ""]) {
    assert.notEqual(problemOf(schedule), undefined, schedule);
  }
});

Deno.test("a time zone is known by its IANA name alone", () => {
  for (const name of ["UTC", "Europe/Berlin", "Etc/GMT+5"]) assert(isTimeZone(name), name);
  for (const name of ["", "CET-1CEST", ":Europe/Berlin", "Mars/Olympus"]) {
    assert(!isTimeZone(name), name);
  }
});
