import assert from "node:assert/strict";
import { placesToLook } from "../../src/volumes/places_to_look.ts";

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const TiB = 2 ** 40;

/** True if one of the places has the byte in it. */
function looksAt(size: number, offset: number): boolean {
  return placesToLook(size).some((place) =>
    offset >= place.offset && offset < place.offset + place.length
  );
}

Deno.test("a small device is looked at whole", () => {
  for (const size of [4096, 300 * MiB, 2 * GiB]) {
    assert.deepEqual(placesToLook(size), [{ offset: 0, length: size }]);
  }
});

const sizes = [2 * GiB + 512, 8 * GiB, 100 * GiB + 12345 * 512, TiB, 16 * TiB, 60 * TiB + 512];

for (const size of sizes) {
  Deno.test(`of ${size} bytes both ends are looked at whole, and what lies between in many places`, () => {
    const places = placesToLook(size);
    for (const { offset, length } of places) assert(offset >= 0 && offset + length <= size);
    for (const offset of [0, MiB, 64 * MiB - 1, size - 64 * MiB, size - MiB, size - 1]) {
      assert(looksAt(size, offset), `${offset}`);
    }
    assert.deepEqual(
      places.map(({ offset }) => offset),
      places.map(({ offset }) => offset).sort((a, b) => a - b),
    );
    // No gap in between is wider than a sample's distance.
    for (let i = 1; i < places.length; i++) {
      const gap = places[i]!.offset - places[i - 1]!.offset - places[i - 1]!.length;
      assert(gap <= size / 8192 + 4096, `${gap}`);
    }
    assert(places.length < 10_000, `${places.length}`);
  });
}

Deno.test("copies of superblocks are looked at", () => {
  const size = 1000 * GiB;
  const blocks = size / 4096;
  for (const groups of [4, 8, 16, 32, 96]) {
    assert(looksAt(size, Math.ceil(blocks / groups) * 4096), `XFS with ${groups} groups`);
  }
  for (const group of [1, 3, 5, 7, 9, 25, 27, 49]) {
    assert(looksAt(size, group * 128 * MiB), `ext4, group ${group}`);
    // Blocks of 1 KiB: the copy is in the block behind.
    assert(looksAt(size, group * 8 * MiB + KiB), `ext4 with small blocks, group ${group}`);
  }
  assert(looksAt(size, 64 * MiB) && looksAt(size, 256 * GiB), "btrfs");
  assert(looksAt(5 * TiB, 2 * TiB), "XFS with the largest groups");
});
