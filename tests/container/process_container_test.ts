import assert from "node:assert/strict";
import { containerOfProcess } from "../../src/container/process_container.ts";

const HOST = "pid:[1]";

/** Namespaces by pid: two containers with two processes each, a machine's process, and one with a namespace of its own. */
const namespaces: Readonly<Record<number, string>> = {
  [Deno.pid]: HOST,
  2: HOST,
  10: "pid:[10]",
  11: "pid:[10]",
  20: "pid:[20]",
  21: "pid:[20]",
  30: "pid:[30]",
};
const instances = [{ id: "a", pid: 10 }, { id: "ended", pid: 99 }, { id: "b", pid: 20 }, {
  id: "sharing",
  pid: 2,
}];

const rows: readonly [pid: number, what: string, id: string | undefined][] = [
  [10, "a container's process 1", "a"],
  [11, "another one of it", "a"],
  [21, "one of another container", "b"],
  [2, "the machine's, or a container's that shares its namespace", undefined],
  [30, "one in a namespace that is no container's", undefined],
  [98, "one that has ended", undefined],
];

for (const [pid, what, id] of rows) {
  Deno.test(`the container of a process: ${what}`, () => {
    assert.equal(containerOfProcess(pid, instances, (pid) => namespaces[pid]), id);
  });
}
