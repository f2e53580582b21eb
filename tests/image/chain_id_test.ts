import assert from "node:assert/strict";
import { chainIds, parseChainId } from "../../src/image/chain_id.ts";
import { parseDigest } from "../../src/registry/digest.ts";
import { sha256 } from "../support/memory_image.ts";

Deno.test("the ChainID of a layer is the digest of the one below and its DiffID", () => {
  const [a, b, c] = ["a", "b", "c"].map((letter) => parseDigest(`sha256:${letter.repeat(64)}`));
  const text = (text: string) => new TextEncoder().encode(text);
  const ab = sha256(text(`${a} ${b}`));
  assert.deepEqual(chainIds([a!, b!, c!]), [a, ab, sha256(text(`${ab} ${c}`))]);
  assert.deepEqual(chainIds([a!]), [a]);
  assert.deepEqual(chainIds([]), []);
});

Deno.test("a ChainID that was written down is checked", () => {
  const id = `sha256:${"0".repeat(64)}`;
  assert.equal(parseChainId(id), id);
  for (const bad of ["", "sha256:", "../../etc", `sha256:${"0".repeat(63)}/`, 5, undefined]) {
    assert.throws(() => parseChainId(bad), TypeError);
  }
});
