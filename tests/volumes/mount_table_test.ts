import assert from "node:assert/strict";
import { parseMountTable } from "../../src/volumes/mount_table.ts";

Deno.test("mounts are read with their optional fields, and escaped characters", () => {
  const text = `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
25 30 0:23 / /with\\040space\\134x rw - tmpfs a\\011b rw
`;
  assert.deepEqual(parseMountTable(text), [
    { path: "/mnt2", device: "98:0", fstype: "ext3", source: "/dev/root" },
    { path: "/with space\\x", device: "0:23", fstype: "tmpfs", source: "a\tb" },
  ]);
});
