import assert from "node:assert/strict";
import { MountFlag } from "../../ffi/mount.ts";
import { parseMountOptions, remountFlags } from "../../src/volumes/mount_options.ts";

const { RDONLY, NOSUID, NODEV, NOEXEC, SYNCHRONOUS, DIRSYNC } = MountFlag;
const { NOATIME, NODIRATIME, RELATIME, STRICTATIME, LAZYTIME, REMOUNT } = MountFlag;

const table: [text: string, flags: number, data: string][] = [
  ["", 0, ""],
  ["ro", RDONLY, ""],
  ["noatime,nodev,nosuid,noexec", NOATIME | NODEV | NOSUID | NOEXEC, ""],
  ["sync,dirsync,lazytime", SYNCHRONOUS | DIRSYNC | LAZYTIME, ""],
  ["logbufs=8,noatime,wsync", NOATIME, "logbufs=8,wsync"],
  // The last of two that contradict each other counts.
  ["ro,rw", 0, ""],
  ["rw,ro", RDONLY, ""],
  ["nosuid,suid", 0, ""],
  ["noatime,relatime", RELATIME, ""],
  ["relatime,strictatime", STRICTATIME, ""],
  ["noatime,atime,nodiratime", NODIRATIME, ""],
  ["ro,nodev,defaults", 0, ""],
  ["defaults,ro", RDONLY, ""],
  // What fstab says to others than the kernel.
  ["_netdev,nofail,auto,x-systemd.automount,comment=mine,ro", RDONLY, ""],
  // What nobody knows is the file system's to refuse.
  ["bind,remount,noauto,RO,ro=1", 0, "bind,remount,noauto,RO,ro=1"],
  [",,ro,,", RDONLY, ""],
  [`context="a:b,c",ro`, RDONLY, `context="a:b,c"`],
];

for (const [text, flags, data] of table) {
  Deno.test(`mount options "${text}"`, () => {
    assert.deepEqual(parseMountOptions(text), { flags, data });
  });
}

Deno.test("a remount says what holds for access times, which would stay as they were otherwise", () => {
  const flagsOf = (text: string) => remountFlags(parseMountOptions(text));
  assert.equal(flagsOf(""), REMOUNT | RELATIME);
  assert.equal(flagsOf("ro"), REMOUNT | RELATIME | RDONLY);
  assert.equal(flagsOf("noatime"), REMOUNT | NOATIME);
  assert.equal(flagsOf("nodiratime"), REMOUNT | NODIRATIME);
});
