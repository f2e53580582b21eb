import assert from "node:assert/strict";
import { escapeControls } from "../../src/log/escape_controls.ts";

const rows: readonly (readonly [text: string, escaped: string])[] = [
  ["", ""],
  ["käse 日本 🐳", "käse 日本 🐳"],
  ["a\tb", "a\tb"],
  ["a\nb\r\n", "a\\nb\\r\\n"],
  ["\0\x1b[31m\x7f", "\\u0000\\u001b[31m\\u007f"],
  ["\x80\x9b\x9f\xa0", "\\u0080\\u009b\\u009f\xa0"],
  ["\u2028\u2029", "\\u2028\\u2029"],
  ["back\\slash", "back\\slash"],
];

for (const [text, escaped] of rows) {
  Deno.test(`${JSON.stringify(text)} is shown as ${JSON.stringify(escaped)}`, () => {
    assert.equal(escapeControls(text), escaped);
  });
}
