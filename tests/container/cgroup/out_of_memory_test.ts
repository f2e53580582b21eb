import assert from "node:assert/strict";
import type { ExitStatus } from "../../../ffi/process.ts";
import {
  describeEnd,
  describeOutOfMemory,
  parseMemoryEvents,
} from "../../../src/container/cgroup/out_of_memory.ts";

const events = (oom: number, kills: number) =>
  `low 0\nhigh 0\nmax 90\noom ${oom}\noom_kill ${kills}\noom_group_kill 0\n`;

Deno.test("who was killed before the limit was reached was killed since the machine had no more memory", () => {
  assert.deepEqual(parseMemoryEvents(events(0, 0)), { kills: 0, where: "machine" });
  assert.deepEqual(parseMemoryEvents(events(0, 2)), { kills: 2, where: "machine" });
  assert.deepEqual(parseMemoryEvents(events(3, 2)), { kills: 2, where: "limit" });
});

const limits: readonly [bytes: number, text: string][] = [
  [64 * 2 ** 20, "64M"],
  [2 ** 30, "1G"],
  [1536 * 2 ** 20, "1536M"],
  [2048, "2K"],
  [1000, "1000 bytes"],
  [2 ** 50, "1024T"],
];

for (const [bytes, text] of limits) {
  Deno.test(`a limit of ${bytes} bytes reads as ${text}`, () => {
    assert.equal(
      describeOutOfMemory({ kills: 1, where: "limit" }, bytes),
      `out of memory (its limit is ${text})`,
    );
  });
}

Deno.test("a machine without memory is no limit that was reached", () => {
  const text = "out of memory (the machine has no more)";
  assert.equal(describeOutOfMemory({ kills: 1, where: "machine" }, 2 ** 20), text);
  assert.equal(describeOutOfMemory({ kills: 1, where: "machine" }, undefined), text);
});

const exited = (code: number): ExitStatus => ({ kind: "exited", code });
const killed: ExitStatus = { kind: "signalled", signal: 9, coreDumped: false };

const ends: readonly [status: ExitStatus, kills: number, text: string][] = [
  [exited(1), 0, "exit status 1"],
  [killed, 0, "signal 9 (SIGKILL)"],
  [killed, 1, "signal 9 (SIGKILL): REASON"],
  [exited(137), 1, "exit status 137: REASON"],
  [exited(137), 0, "exit status 137"],
  [exited(0), 1, "exit status 0; one of its processes was killed before: REASON"],
  [exited(1), 3, "exit status 1; 3 of its processes were killed before: REASON"],
];

for (const [status, kills, text] of ends) {
  Deno.test(`an end after ${kills} processes were killed for want of memory reads as: ${text}`, () => {
    assert.equal(describeEnd(status, kills, "REASON"), text);
  });
}
