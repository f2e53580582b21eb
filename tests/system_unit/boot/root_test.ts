import assert from "node:assert/strict";
import { isLowestRoot } from "../../../src/system/boot/root.ts";

Deno.test("the root of a machine that runs from its initramfs has nothing below it", () => {
  assert.equal(
    isLowestRoot("1 1 0:2 / / rw - rootfs rootfs rw\n20 1 0:19 / /proc rw - proc proc rw\n"),
    true,
  );
});

Deno.test("the root of a machine with a disk, or one that is mounted on itself, has something below it", () => {
  assert.equal(isLowestRoot("23 1 259:2 / / rw,relatime - ext4 /dev/root rw\n"), false);
  assert.equal(
    isLowestRoot("21 1 0:2 / / rw - rootfs rootfs rw\n22 21 0:3 / /x rw - proc proc rw\n"),
    false,
  );
  assert.equal(isLowestRoot(""), false);
});
