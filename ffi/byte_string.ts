/** File names as the kernel has them: bytes, in no particular encoding. */

/**
 * Bytes as a string, one character (U+0000 to U+00FF) for each. Names in an archive need not be UTF-8, and
 * decoding them as such would map different names to one; as byte strings they stay what they are and can
 * still be compared, split and used as keys.
 */
export type ByteString = string;

/** The bytes of a byte string. */
export function bytesOf(string: ByteString): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(string.length);
  for (let i = 0; i < string.length; i++) bytes[i] = string.charCodeAt(i);
  return bytes;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A byte string for a message: quoted, control characters escaped, what is not UTF-8 replaced, long ones cut
 * short.
 */
export function displayName(name: ByteString): string {
  const shown = name.length > 300 ? `${name.slice(0, 300)}...` : name;
  return JSON.stringify(decoder.decode(bytesOf(shown)));
}
