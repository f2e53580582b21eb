import assert from "node:assert/strict";
import { describeSignature } from "../../src/volumes/what_is_on.ts";

const table: [what: string, text: string, expected: string | undefined][] = [
  ["nothing", "", undefined],
  ["a name alone", "DEVNAME=/dev/sdb", undefined],
  [
    "a partition with nothing in it",
    "DEVNAME=/dev/sdb1\nPART_ENTRY_SCHEME=gpt\nPART_ENTRY_NAME=data\nPART_ENTRY_NUMBER=1",
    undefined,
  ],
  ["a file system", "DEVNAME=/dev/sdb\nUUID=1\nBLOCK_SIZE=4096\nTYPE=ext4", "ext4"],
  ["a file system in a partition", "PART_ENTRY_SCHEME=gpt\nTYPE=btrfs", "btrfs"],
  ["a partition table", "PTUUID=1\nPTTYPE=gpt", "a partition table (gpt)"],
  ["a file system that looks like a partition table", "PTTYPE=dos\nTYPE=exfat", "exfat"],
  ["something else", "UUID=1=2", "UUID=1=2"],
];

for (const [what, text, expected] of table) {
  Deno.test(`blkid finds ${what}`, () => {
    assert.equal(describeSignature(text), expected);
  });
}
