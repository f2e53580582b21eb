import assert from "node:assert/strict";
import type { JsonNode } from "../../src/config/json_node.ts";
import { parseTree } from "../../src/config/json_tree.ts";
import { ProblemList } from "../../src/config/problem_list.ts";
import { problemsOf } from "./problems.ts";

function read(text: string): { root: JsonNode | undefined; problems: string[] } {
  const list = new ProblemList(text, "f");
  const root = parseTree(text, list);
  return { root, problems: problemsOf(() => list.throwIfAny()) };
}

/** The value without its places. */
function plain(node: JsonNode | undefined): unknown {
  switch (node?.type) {
    case "object":
      return node.members.map(({ key, value }) => [key.name, plain(value)]);
    case "array":
      return node.items.map(plain);
    case undefined:
    case "broken":
      return node?.type;
    default:
      return node?.value;
  }
}

const good: readonly [name: string, text: string, value: unknown][] = [
  ["an object", '{"a": 1, "b": [true, false, null, "x"]}', [["a", 1], [
    "b",
    [true, false, null, "x"],
  ]]],
  ["comments", '/* a */ {// b\n"a": /* c */ 1 // d\n} // e', [["a", 1]]],
  ["trailing commas", '{"a": [1, 2,],}', [["a", [1, 2]]]],
  ["empty objects and lists", "[{}, []]", [[], []]],
  ["escapes", String.raw`"\"\\\/\b\f\n\r\t\u0041\ud83d\ude00"`, '"\\/\b\f\n\r\tA😀'],
  ["numbers", "[0, -0, 1.5, -2, 1e3, 2E-1]", [0, 0, 1.5, -2, 1000, 0.2]],
  ["a number beyond a double", "1e999", Infinity],
  ["a key that is there twice", '{"a": 1, "a": 2}', [["a", 1], ["a", 2]]],
  ["a key named __proto__", '{"__proto__": 1}', [["__proto__", 1]]],
  ["every kind of line break", '{\r\n"a"\r:\n1}', [["a", 1]]],
  ["64 levels", "[".repeat(64) + "]".repeat(64), undefined],
];

for (const [name, text, value] of good) {
  Deno.test(`the tree takes ${name}`, () => {
    const { root, problems } = read(text);
    assert.deepEqual(problems, []);
    if (value !== undefined) assert.deepEqual(plain(root), value);
  });
}

/** `value` is what is left of the text; "incomplete" if nothing can be said of it. */
const bad: readonly [name: string, text: string, problems: string[], value?: unknown][] = [
  ["an empty text", "", ["1:1: expected a value, found the end of the text"], "broken"],
  ["only a comment", "// x", ["1:5: expected a value, found the end of the text"], "broken"],
  ["words", "hello world", [
    "1:1: expected a value, found a word without quotes",
  ], "broken"],
  ["keys without quotes", "{ uid: 3, gid: 4 }", [
    "1:3: expected a key in double quotes, found a word without quotes",
    "1:11: expected a key in double quotes, found a word without quotes",
  ], [["uid", 3], ["gid", 4]]],
  ["keys without quotes in objects", "{\n  a: {\n    b: [1],\n  },\n}", [
    "2:3: expected a key in double quotes, found a word without quotes",
    "3:5: expected a key in double quotes, found a word without quotes",
  ], [["a", [["b", [1]]]]]],
  ["single quotes", `{'a, b': 'it, is', "c": 2}`, [
    `1:2: expected a key in double quotes, found the character "'"`,
    `1:10: expected a value, found the character "'"`,
  ], [["a, b", "broken"], ["c", 2]]],
  ["words as values", '{"a": True, "b": undefined, "c": NaN, "d": -Infinity}', [
    "1:7: expected a value, found a word without quotes",
    "1:18: expected a value, found a word without quotes",
    "1:34: expected a value, found a word without quotes",
    '1:44: expected a value, found the character "-"',
  ], [["a", "broken"], ["b", "broken"], ["c", "broken"], ["d", "broken"]]],
  ["numbers of other languages", "[007, 0x1F, 1_000, .5, +1, 1., 1e, 5m]", [
    "1:2: malformed number",
    "1:7: malformed number",
    "1:13: malformed number",
    '1:20: expected a value, found the character "."',
    '1:24: expected a value, found the character "+"',
    "1:28: malformed number",
    "1:32: malformed number",
    "1:36: malformed number",
  ]],
  ["a missing comma between members", '{"a": 1\n "b": 2 "c": 3}', [
    '2:2: expected "," or "}", found a string',
    '2:9: expected "," or "}", found a string',
  ], [["a", 1], ["b", 2], ["c", 3]]],
  ["a missing comma between items", '["a" "b"1]', [
    '1:6: expected "," or "]", found a string',
    '1:8: a double quote inside a string is written "\\""',
  ], ["a", "broken"]],
  ["semicolons", '{"a": 1; "b": 2}', [
    '1:8: expected "," or "}", found the character ";"',
  ], [["a", 1], ["b", 2]]],
  ["commas too many", '{,"a": 1,,"b": [,1,,2]}', [
    '1:2: expected a key, found ","',
    '1:10: expected a key, found ","',
    '1:17: expected a value, found ","',
    '1:20: expected a value, found ","',
  ], [["a", 1], ["b", ["broken", 1, "broken", 2]]]],
  ["missing colons", '{"a" 1, "b" = 2, "c", "d"\n: 4, "e"}', [
    '1:6: expected ":" behind the key, found a number',
    '1:13: expected ":" behind the key, found the character "="',
    '1:21: expected ":" behind the key, found ","',
    '2:9: expected ":" behind the key, found "}"',
  ], [["a", 1], ["b", "broken"], ["c", "broken"], ["d", 4], ["e", "broken"]]],
  ["missing values", '{"a": , "b": }', [
    '1:7: expected a value, found ","',
    '1:14: expected a value, found "}"',
  ], [["a", "broken"], ["b", "broken"]]],
  ["a string that does not end", '{"a": "xyz,\n "b": 1}', [
    "1:7: expected a closing double quote on the same line",
  ], [["a", "broken"], ["b", 1]]],
  ["a key that does not end", '{"a: 1,\n "b": 1}', [
    "1:2: expected a closing double quote on the same line",
  ], [["a: 1,", "broken"], ["b", 1]]],
  ["a string that does not end with the text", '{"a": "b}', [
    "1:7: expected a closing double quote on the same line",
  ], "incomplete"],
  ["double quotes inside a string", '{"a": "say "hi" to", "b": 1}', [
    '1:12: a double quote inside a string is written "\\""',
  ], [["a", "broken"], ["b", 1]]],
  ["wrong escapes", String.raw`["\q", "\u12", "a` + "\t" + '"]', [
    String.raw`1:2: unknown escape in this string, a backslash itself is written "\\"`,
    String.raw`1:8: expected four hexadecimal digits behind the "\u" in this string`,
    "1:16: control character in this string, write it as an escape",
  ]],
  ["quotes of a word processor", '{ "a": “x”, "b": 1 }', [
    '1:8: expected a value, found the character "“"',
  ], [["a", "broken"], ["b", 1]]],
  ["a space that is none", '{"a":\u00a01}', [
    '1:6: expected a value, found the character "\\u{a0}"',
  ], [["a", "broken"]]],
  ["comments of a shell", '# hi, you\n{ "a": 1 # {\n}', [
    '1:1: a comment begins with "//"',
    '2:10: a comment begins with "//"',
  ], [["a", 1]]],
  ["a comment that does not end", '{"a": 1 /* }', [
    '1:9: expected "*/" at the end of the comment',
  ], "incomplete"],
  ["a missing brace", '{"a": {"b": 1,', [
    '1:15: expected "}" for the "{" in line 1, found the end of the text',
  ], "incomplete"],
  ["a wrong bracket", '{"a": [1, 2}, "b": 3}', [
    '1:12: expected "," or "]", found "}"',
  ], "incomplete"],
  ["a key in a list", '["a": 1]', ['1:5: expected "," or "]", found ":"'], "incomplete"],
  ["an object as a key", "{{}}", ['1:2: expected a key, found "{"'], "incomplete"],
  ["something behind the end", '{"a": 1}}', [
    '1:9: expected the end of the text, found "}"',
  ], "incomplete"],
  ["65 levels", "[".repeat(65) + "]".repeat(65), [
    "1:65: nested more than 64 deep",
  ], "incomplete"],
];

for (const [name, text, problems, value] of bad) {
  Deno.test(`the tree notes ${name} once, and goes on`, () => {
    const result = read(text);
    assert.deepEqual(result.problems, problems.map((problem) => `f:${problem}`));
    if (value === "incomplete") assert.equal(result.root, undefined);
    else if (value !== undefined) assert.deepEqual(plain(result.root), value);
  });
}

Deno.test("the tree knows where everything stands", () => {
  const text = '{ "a": [ 12, "xy" ] }';
  const { root } = read(text);
  const shown: string[] = [];
  const visit = (node: JsonNode): void => {
    shown.push(text.slice(node.offset, node.offset + node.length));
    if (node.type === "object") node.members.forEach(({ value }) => visit(value));
    if (node.type === "array") node.items.forEach(visit);
  };
  visit(root!);
  assert.deepEqual(shown, [text, '[ 12, "xy" ]', "12", '"xy"']);
});

const hostile: readonly [name: string, text: string, problem: string][] = [
  ["100,000 brackets", "[".repeat(100_000), "1:65: nested more than 64 deep"],
  ["100,000 objects", '{"a":'.repeat(100_000), "1:321: nested more than 64 deep"],
  ["200,000 values", `[${"1,".repeat(200_000)}]`, "1:200000: more than 100000 values"],
  [
    "4 MiB of spaces",
    " ".repeat(2 ** 22),
    "1:4194305: expected a value, found the end of the text",
  ],
  ["4 MiB of commas", ",".repeat(2 ** 22), '1:1: expected a value, found ","'],
  ["a million words", "x ".repeat(1e6), "1:1: expected a value, found a word without quotes"],
  [
    "a million words in a list",
    `[${"x,".repeat(1e6)}]`,
    "1:2: expected a value, found a word without quotes",
  ],
  [
    "a string of 4 MiB without an end",
    `"${"x".repeat(2 ** 22)}`,
    "1:1: expected a closing double quote on the same line",
  ],
];

for (const [name, text, problem] of hostile) {
  Deno.test(`the tree survives ${name}`, () => {
    const { problems } = read(text);
    assert.equal(problems[0], `f:${problem}`);
    assert.ok(problems.length <= 101, `${problems.length} problems`);
  });
}

Deno.test("of more than 100 problems the rest is not shown, which is said", () => {
  const { problems } = read(`[${"x,\n".repeat(500)}]`);
  assert.equal(problems.length, 101);
  assert.equal(problems[99], "f:100:1: expected a value, found a word without quotes");
  assert.equal(problems[100], "f:100:1: too many problems, the rest is not shown");
});
