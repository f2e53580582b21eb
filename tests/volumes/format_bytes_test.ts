import assert from "node:assert/strict";
import { formatBytes } from "../../src/volumes/format_bytes.ts";

Deno.test("bytes are told in the largest unit of which there is one", () => {
  assert.equal(formatBytes(0), "0 bytes");
  assert.equal(formatBytes(1023), "1023 bytes");
  assert.equal(formatBytes(1024), "1 KiB");
  assert.equal(formatBytes(320 * 2 ** 20), "320 MiB");
  assert.equal(formatBytes(1.5 * 2 ** 30), "1.5 GiB");
  assert.equal(formatBytes(123.4 * 2 ** 40), "123 TiB");
  assert.equal(formatBytes(5000 * 2 ** 40), "5000 TiB");
});
