/** How a layer's archive is compressed. */
export type Compression = "none" | "gzip" | "zstd";

/** As many bytes of a layer {@linkcode checkMagic} wants to see. */
export const MAGIC_LENGTH = 4;

/** How a layer is compressed according to its media type. */
export function compressionOf(mediaType: string): Compression {
  if (/[+.]gzip$/.test(mediaType)) return "gzip";
  if (/[+.]zstd$/.test(mediaType)) return "zstd";
  return "none";
}

/**
 * Makes sure that a layer is compressed as its media type says: a reader that believes the one must not see
 * another layer than a reader that believes the other.
 *
 * @param start the first bytes, {@linkcode MAGIC_LENGTH} or as many as there are
 * @throws {Error} if they say something else
 */
export function checkMagic(start: Uint8Array, declared: Compression): void {
  const found = fromMagic(start);
  if (found === declared) return;
  const says = { none: "an uncompressed archive", gzip: "gzip", zstd: "zstd" };
  throw new Error(`the layer is ${says[found]}, but its media type says ${says[declared]}`);
}

function fromMagic([a, b, c, d]: Uint8Array): Compression {
  if (a === 0x1f && b === 0x8b) return "gzip"; // RFC 1952, 2.3.1
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd"; // RFC 8878, 3.1.1
  if ((a! & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return "zstd"; // 3.1.2, skippable
  return "none";
}
