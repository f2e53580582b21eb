import assert from "node:assert/strict";
import type { MountOptions } from "../../../ffi/mount.ts";
import {
  isMountPoint,
  KERNEL_FILE_SYSTEMS,
  mountFileSystems,
} from "../../../src/system/boot/file_systems.ts";
import { TemporaryDirectory } from "../../support/temporary_directory.ts";

Deno.test("a file system is mounted on a directory that is made for it", () => {
  using directory = new TemporaryDirectory();
  const target = `${directory.path}/a/b`;
  const done: MountOptions[] = [];
  const mounted = mountFileSystems([{ target, fstype: "tmpfs", flags: 6, data: "mode=1777" }], {
    mount: (options) => void done.push(options),
    isMountPoint,
  });
  assert.ok(Deno.statSync(target).isDirectory);
  assert.deepEqual(mounted, [target]);
  assert.deepEqual(done, [{
    source: "tmpfs",
    target,
    fstype: "tmpfs",
    flags: 6,
    data: "mode=1777",
  }]);
});

Deno.test("what is mounted already is left as it is", () => {
  const mounted = mountFileSystems([{ target: "/x", fstype: "tmpfs", flags: 0 }], {
    mount: () => assert.fail(),
    isMountPoint: () => true,
  });
  assert.deepEqual(mounted, []);
});

Deno.test("one that this machine cannot have is an error, unless it can do without", () => {
  using directory = new TemporaryDirectory();
  const one = { target: `${directory.path}/x`, fstype: "efivarfs", flags: 0 };
  const refuse = {
    mount() {
      throw new Error("Cannot mount");
    },
    isMountPoint,
  };
  assert.throws(() => mountFileSystems([one], refuse), /Cannot mount/);
  assert.deepEqual(mountFileSystems([{ ...one, optional: true }], refuse), []);
});

Deno.test("each file system comes after the one that it lies in", () => {
  const targets = KERNEL_FILE_SYSTEMS.map(({ target }) => target);
  for (const [index, target] of targets.entries()) {
    const later = targets.slice(index + 1);
    assert.ok(!later.some((other) => target.startsWith(`${other}/`)), target);
  }
});
