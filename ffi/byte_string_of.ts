/** Apart from `byte_string.ts`, since `node:buffer` takes 4 ms to load: a container would start that much later. */
import { Buffer } from "node:buffer";
import type { ByteString } from "./byte_string.ts";

/** Reads bytes as a byte string. */
export function byteStringOf(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
