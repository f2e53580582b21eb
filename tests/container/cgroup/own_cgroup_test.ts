import assert from "node:assert/strict";
import { findCgroupMount, ownCgroup } from "../../../src/container/cgroup/own_cgroup.ts";

const mounts: readonly [what: string, line: string, mount: string | undefined][] = [
  [
    "a machine with cgroup v2 alone",
    "26 20 0:24 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate",
    "/sys/fs/cgroup",
  ],
  [
    "one with both versions",
    "41 30 0:37 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n42 30 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    "/sys/fs/cgroup/unified",
  ],
  ["one with cgroup v1", "41 30 0:37 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids", undefined],
  ["one that shows only a part", "42 30 0:38 /a /mnt rw - cgroup2 cgroup2 rw", undefined],
  ["one without", "", undefined],
];

for (const [what, text, mount] of mounts) {
  Deno.test(`cgroups are found at ${mount ?? "no place"} on ${what}`, () => {
    assert.equal(findCgroupMount(`${text}\n`), mount);
  });
}

Deno.test("the own cgroup is that of version 2", () => {
  assert.equal(ownCgroup("0::/\n"), "/");
  assert.equal(ownCgroup("4:memory:/a\n0::/system.slice/x.service\n"), "/system.slice/x.service");
  assert.equal(ownCgroup("4:memory:/a\n"), undefined);
});
