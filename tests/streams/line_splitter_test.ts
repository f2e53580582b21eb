import assert from "node:assert/strict";
import { LineSplitter } from "../../src/streams/line_splitter.ts";

/** Splits chunks, text or bytes. */
function split(chunks: readonly (string | readonly number[])[], maxLength = 100): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), maxLength);
  for (const chunk of chunks) {
    splitter.write(
      typeof chunk === "string" ? new TextEncoder().encode(chunk) : new Uint8Array(chunk),
    );
  }
  splitter.end();
  return lines;
}

interface Row {
  readonly name: string;
  readonly chunks: readonly (string | readonly number[])[];
  readonly maxLength?: number;
  readonly lines: readonly string[];
}

const rows: readonly Row[] = [
  { name: "nothing is no line", chunks: [], lines: [] },
  { name: "an empty chunk is no line", chunks: ["", ""], lines: [] },
  { name: "a line ends with a line feed", chunks: ["a\nb\n"], lines: ["a", "b"] },
  { name: "the last line may lack its end", chunks: ["a\nb"], lines: ["a", "b"] },
  { name: "empty lines are lines", chunks: ["\n\na\n\n"], lines: ["", "", "a", ""] },
  { name: "a line may come in pieces", chunks: ["a", "b", "", "c\nd", "\n"], lines: ["abc", "d"] },
  { name: "a carriage return belongs to the line end", chunks: ["a\r\nb\r\n"], lines: ["a", "b"] },
  { name: "a line end may come in two pieces", chunks: ["a\r", "\nb\r", "\n"], lines: ["a", "b"] },
  { name: "only one carriage return does", chunks: ["a\r\r\n"], lines: ["a\r"] },
  { name: "a carriage return within a line stays", chunks: ["10%\r20%\n"], lines: ["10%\r20%"] },
  {
    name: "a character may come in pieces",
    chunks: [[0xf0], [0x9f, 0x90], [0xb3, 0x0a, 0xc3], [0xa4]],
    lines: ["🐳", "ä"],
  },
  {
    name: "bytes that are no UTF-8 are replaced",
    chunks: [[0x61, 0xff, 0x62, 0x0a, 0xc3, 0x0a]],
    lines: ["a\u{fffd}b", "\u{fffd}"],
  },
  {
    name: "a character that is never completed is replaced",
    chunks: [[0xf0, 0x9f]],
    lines: ["\u{fffd}"],
  },
  { name: "a byte order mark stays", chunks: [[0xef, 0xbb, 0xbf, 0x61]], lines: ["\u{feff}a"] },
  { name: "NUL stays", chunks: ["a\0b\n"], lines: ["a\0b"] },
  {
    name: "a line of the greatest length is whole",
    chunks: ["abcd\nabcd"],
    maxLength: 4,
    lines: ["abcd", "abcd"],
  },
  {
    name: "a line of the greatest length is whole with a carriage return, too",
    chunks: ["abcd\r", "\nef\n"],
    maxLength: 4,
    lines: ["abcd", "ef"],
  },
  {
    name: "a longer line is cut into pieces",
    chunks: ["abcdefghij", "\nk\n"],
    maxLength: 4,
    lines: ["abcd", "efgh", "ij", "k"],
  },
  {
    name: "a longer line is cut although its end is there",
    chunks: ["abcdefghij\nk\n"],
    maxLength: 4,
    lines: ["abcd", "efgh", "ij", "k"],
  },
  {
    name: "a cut at the line's end adds no empty line",
    chunks: ["abcdefgh", "\n"],
    maxLength: 4,
    lines: ["abcd", "efgh"],
  },
  {
    name: "a cut at a carriage return within a line does not lose it",
    chunks: ["abc\rdef\n"],
    maxLength: 4,
    lines: ["abc\r", "def"],
  },
  {
    name: "a cut goes through no character",
    chunks: ["abc🐳def🐳"],
    maxLength: 4,
    lines: ["abc", "🐳de", "f🐳"],
  },
  {
    name: "a line that is cut comes before the next ones",
    chunks: ["a\nbcdefg\nh\n"],
    maxLength: 4,
    lines: ["a", "bcde", "fg", "h"],
  },
];

for (const { name, chunks, maxLength, lines } of rows) {
  Deno.test(name, () => {
    assert.deepEqual(split(chunks, maxLength), lines);
  });
}

Deno.test("lines are given out as soon as they are complete", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), 100);
  splitter.write(new TextEncoder().encode("a\nb"));
  assert.deepEqual(lines, ["a"]);
});

Deno.test("what never ends a line does not fill the memory", () => {
  let given = 0;
  let longest = 0;
  const splitter = new LineSplitter((line) => {
    given += line.length;
    longest = Math.max(longest, line.length);
  }, 1000);
  const chunk = new Uint8Array(4096).fill(0x78);
  for (let i = 1; i <= 256; i++) {
    splitter.write(chunk);
    assert(i * chunk.length - given <= 1001);
  }
  assert.equal(longest, 1000);
});

Deno.test("however lines are cut into chunks, the result is the same", () => {
  const text = new TextEncoder().encode("a\r\n\nbc\r\r\n🐳ä\rxyz\n日本語日本語日本語\r\nend");
  const whole = split([[...text]], 6);
  for (let size = 1; size < text.length; size++) {
    const chunks: number[][] = [];
    for (let at = 0; at < text.length; at += size) chunks.push([...text.subarray(at, at + size)]);
    assert.deepEqual(split(chunks, 6), whole, `in chunks of ${size} bytes`);
  }
});
