/** How a layer's archive is compressed. */
export type Compression = "none" | "gzip" | "zstd";

/** As many bytes of a layer {@linkcode detectCompression} wants to see. */
export const MAGIC_LENGTH = 4;

/**
 * Tells from a layer's first bytes how it is compressed, and makes sure that its media type says the same: a reader that believes
 * the one must not see another layer than a reader that believes the other.
 *
 * @param start the first bytes, {@linkcode MAGIC_LENGTH} or as many as there are
 * @throws {Error} if they contradict each other
 */
export function detectCompression(start: Uint8Array, mediaType: string): Compression {
  const found = fromMagic(start);
  const declared = fromMediaType(mediaType);
  if (found !== declared) {
    const says = { none: "an uncompressed archive", gzip: "gzip", zstd: "zstd" };
    throw new Error(`the layer is ${says[found]}, but its media type says ${says[declared]}`);
  }
  return found;
}

function fromMagic([a, b, c, d]: Uint8Array): Compression {
  if (a === 0x1f && b === 0x8b) return "gzip"; // RFC 1952, 2.3.1
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd"; // RFC 8878, 3.1.1
  if ((a! & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return "zstd"; // 3.1.2, skippable
  return "none";
}

function fromMediaType(mediaType: string): Compression {
  if (/[+.]gzip$/.test(mediaType)) return "gzip";
  if (/[+.]zstd$/.test(mediaType)) return "zstd";
  return "none";
}
