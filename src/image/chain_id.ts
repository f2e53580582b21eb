import { createHash } from "node:crypto";
import { type Digest, parseDigest } from "../registry/digest.ts";

declare const brand: unique symbol;

/**
 * Identifies a layer together with all that are below it (OCI image-spec, config.md#layer-chainid). The same
 * archive can come to different directories on different layers, so this is what an unpacked layer is known
 * by.
 */
export type ChainId = Digest & { readonly [brand]: "ChainID" };

/**
 * The ChainIDs of an image's layers: the first one's is its DiffID, each further one's is the digest of
 * "ChainID DiffID".
 *
 * @param diffIds bottom-up
 * @returns in the same order
 */
export function chainIds(diffIds: readonly Digest[]): ChainId[] {
  const ids: ChainId[] = [];
  for (const diffId of diffIds) {
    const below = ids.at(-1);
    ids.push(asChainId(below === undefined ? diffId : sha256(`${below} ${diffId}`)));
  }
  return ids;
}

/**
 * Checks a ChainID that was written down.
 *
 * @throws {TypeError} if it is not well-formed
 */
export function parseChainId(text: unknown): ChainId {
  return asChainId(parseDigest(text));
}

function asChainId(digest: Digest): ChainId {
  return digest as ChainId;
}

function sha256(text: string): Digest {
  return parseDigest(`sha256:${createHash("sha256").update(text).digest("hex")}`);
}
