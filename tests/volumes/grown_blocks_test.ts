import assert from "node:assert/strict";
import { grownBlocks } from "../../src/volumes/grown_blocks.ts";

const BLOCK = 4096;
/** Four allocation groups of 1,000 blocks. */
const full = { blockSize: BLOCK, agBlocks: 1000, dataBlocks: 4000, maxInodePercent: 25 };

const table: [what: string, from: number, deviceBytes: number, expected: number | undefined][] = [
  ["as large as before", 4000, 4000 * BLOCK, undefined],
  ["smaller", 4000, 3000 * BLOCK, undefined],
  ["larger by a group", 4000, 5000 * BLOCK, 5000],
  ["larger by less than a block", 4000, 4001 * BLOCK - 1, undefined],
  ["larger by less than the smallest group", 4000, 4063 * BLOCK, undefined],
  ["larger by the smallest group", 4000, 4064 * BLOCK, 4064],
  ["larger by a group and too little for another", 4000, 5063 * BLOCK + 17, 5000],
  ["larger by two groups and a small one", 4000, 6500 * BLOCK, 6500],
  ["larger, where the last group is not full", 3500, 3600 * BLOCK, 3600],
  ["larger by one block, where the last group is not full", 3500, 3501 * BLOCK, 3501],
  ["larger, up to too little for another group", 3500, 4010 * BLOCK, 4000],
  // The kernel would round down below what there is, and refuse (or shrink).
  ["a little larger than a first group that is none", 4064, 4063 * BLOCK, undefined],
];

for (const [what, dataBlocks, deviceBytes, expected] of table) {
  Deno.test(`a device that is ${what} (${dataBlocks} blocks before)`, () => {
    assert.equal(grownBlocks({ ...full, dataBlocks }, deviceBytes), expected);
  });
}
