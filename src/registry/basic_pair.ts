import type { Credentials } from "./token_cache.ts";

/**
 * Reads what Basic authentication (RFC 7617) sends: `username:password` in base 64.
 *
 * @returns undefined if it is something else, or either is empty; it must not be quoted
 */
export function decodeBasicPair(text: string): Credentials | undefined {
  let pair: string;
  try {
    pair = new TextDecoder().decode(Uint8Array.fromBase64(text));
  } catch {
    return undefined;
  }
  const colon = pair.indexOf(":");
  const username = pair.slice(0, Math.max(colon, 0));
  const password = pair.slice(colon + 1);
  return username === "" || password === "" ? undefined : { username, password };
}
