import assert from "node:assert/strict";
import { detectKind, parseMeta, parsePrimary } from "../../src/config/parse.ts";
import { problemsOf } from "./problems.ts";
import { seededRandom } from "../support/seeded_random.ts";

const PIECES = [
  ..."{}[]:,\"'\\/#*-+.0123456789eE\n\r\t\0\u2028\ud800é😀",
  "//",
  "/*",
  "*/",
  "null",
  "true",
  '"__proto__":',
  '"id":',
  "1e999",
];

/** Puts in, takes out and doubles pieces of a text. */
function mutate(text: string, next: () => number): string {
  let result = text;
  for (let count = 1 + Math.floor(next() * 4); count > 0; count--) {
    const at = Math.floor(next() * result.length);
    const end = at + Math.floor(next() * 12);
    const piece = next() < 0.3
      ? result.slice(at, end)
      : PIECES[Math.floor(next() * PIECES.length)]!;
    result = next() < 0.4
      ? result.slice(0, at) + result.slice(end)
      : result.slice(0, at) + piece + result.slice(at);
  }
  return result;
}

for (const name of ["full", "meta"]) {
  Deno.test(`whatever becomes of ${name}.jsonc, it is valid or its problems are told in order`, async () => {
    const original = await Deno.readTextFile(
      new URL(`../../examples/${name}.jsonc`, import.meta.url),
    );
    const next = seededRandom(1);
    for (let round = 0; round < 3000; round++) {
      const text = mutate(original, next);
      const parse = detectKind(text) === "meta" ? parseMeta : parsePrimary;
      const lines = problemsOf(() => parse(text, "f")).map((problem) => {
        const [, line, column] = /^f:(\d+):(\d+): ./.exec(problem)!.map(Number);
        return line! * 1e6 + column!;
      });
      assert.deepEqual(lines, lines.toSorted((a, b) => a - b), JSON.stringify(text));
    }
  });
}
