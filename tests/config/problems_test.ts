import assert from "node:assert/strict";
import { parsePrimary } from "../../src/config/parse.ts";
import { ConfigurationError } from "../../src/config/problem.ts";
import { problemsOf } from "./problems.ts";

const cases: readonly [name: string, text: string, problems: readonly string[]][] = [
  [
    "all problems are told, in the order of the text",
    `// A shop
{
  "reloadIntervall": 5,
  "containers": [
    {
      "id": "web",
      "manifest": "nginx",
      "uid": "33", /* who */ "gid": -1,
    },
    { "id": "web", "UID": 3 },
  ],
  "kernel": {},
}`,
    [
      'web.jsonc:3:3: reloadIntervall: unknown key, did you mean "reloadInterval"?',
      'web.jsonc:8:14: containers[0].uid: expected a whole number from 0 to 4294967294, found "33"',
      "web.jsonc:8:37: containers[0].gid: expected a whole number from 0 to 4294967294, found -1",
      'web.jsonc:10:5: containers[1]: missing key "manifest", expected a manifest URL or an image reference',
      'web.jsonc:10:13: containers[1].id: expected another "id" than that of containers[0], found "web"',
      'web.jsonc:10:20: containers[1].UID: unknown key, did you mean "uid"?',
      'web.jsonc:12:13: kernel: missing key "manifest", expected a manifest URL or an image reference',
    ],
  ],
  [
    "broken syntax and wrong values are told together",
    `{
  container: {
    "manifest": 'nginx',
    "uid": -1
    "gid": True,
  },
  "nonsense": 1,
}`,
    [
      "web.jsonc:2:3: expected a key in double quotes, found a word without quotes",
      `web.jsonc:3:17: expected a value, found the character "'"`,
      "web.jsonc:4:12: container.uid: expected a whole number from 0 to 4294967294, found -1",
      'web.jsonc:5:5: expected "," or "}", found a string',
      "web.jsonc:5:12: expected a value, found a word without quotes",
      "web.jsonc:7:3: nonsense: unknown key",
    ],
  ],
  [
    "where the text breaks off, nothing is said to be missing",
    '{\n  "container": {\n    "uid": -1',
    ['web.jsonc:3:14: expected "}" for the "{" in line 2, found the end of the text'],
  ],
  [
    "a key that is there twice is told with its first line",
    '{\n"checkInterval": 1,\n"docker": {},\n"checkInterval": "x", "docker": {"username": "a", "username": "b", "password": "c"}}',
    [
      "web.jsonc:4:1: checkInterval: duplicate key, line 2 has it already",
      'web.jsonc:4:18: checkInterval: expected a whole number from 1 to 604800, found "x"',
      "web.jsonc:4:23: docker: duplicate key, line 3 has it already",
      "web.jsonc:4:51: docker.username: duplicate key, line 4 has it already",
    ],
  ],
  [
    "container and containers exclude each other, whichever is first",
    '{"containers": [], "container": {"manifest": "nginx"}}',
    ['web.jsonc:1:20: container: not possible beside "containers"'],
  ],
  [
    "the names of JavaScript are no keys",
    '{"__proto__": {"container": 1}, "constructor": 1, "toString": 2, "hasOwnProperty": 3}',
    [
      "web.jsonc:1:2: __proto__: unknown key",
      "web.jsonc:1:33: constructor: unknown key",
      "web.jsonc:1:51: toString: unknown key",
      "web.jsonc:1:66: hasOwnProperty: unknown key",
    ],
  ],
  [
    "columns count the UTF-16 units that editors count, whatever the line break",
    '{"$schema": "😀é",\r\n"container":\r{ "manifest": "nginx", "hostname": "😀", "uid": -1 } }',
    [
      'web.jsonc:3:36: container.hostname: expected a host name of at most 64 letters, digits, "-", "_" and ".", found "😀"',
      "web.jsonc:3:49: container.uid: expected a whole number from 0 to 4294967294, found -1",
    ],
  ],
  [
    "what could confuse a terminal is escaped",
    '{"\\u001b[2J\\u202e\\u0000\\ud800x": 1, "container": {"manifest": "nginx", "hostname": "\\u001b[2J\\u200b\\u2028"}}',
    [
      'web.jsonc:1:2: ["\\u001b[2J\\u{202e}\\u0000\\ud800x"]: unknown key',
      'web.jsonc:1:84: container.hostname: expected a host name of at most 64 letters, digits, "-", "_" and ".", found "\\u001b[2J\\u{200b}\\u{2028}"',
    ],
  ],
  [
    "a number is told as it was written",
    '{"checkInterval": 1e999, "reloadInterval": 0.10}',
    [
      "web.jsonc:1:19: checkInterval: expected a whole number from 1 to 604800, found 1e999",
      "web.jsonc:1:44: reloadInterval: expected a whole number from 1 to 604800, found 0.10",
    ],
  ],
];

for (const [name, text, problems] of cases) {
  Deno.test(name, () => {
    assert.deepEqual(problemsOf(() => parsePrimary(text, "web.jsonc")), problems);
  });
}

Deno.test("the error says every problem on a line of its own, and has them one by one", () => {
  assert.throws(() => parsePrimary('{"a": 1, "b": 2}', "f"), (error) => {
    assert.ok(error instanceof ConfigurationError);
    assert.equal(error.message, "f:1:2: a: unknown key\nf:1:10: b: unknown key");
    assert.deepEqual(error.problems[1], {
      source: "f",
      line: 1,
      column: 10,
      path: "b",
      reason: "unknown key",
    });
    return true;
  });
});

const suggestions: readonly [written: string, suggested: string | undefined][] = [
  ["uidd", "uid"],
  ["UID", "uid"],
  ["Uid", "uid"],
  ["enviroment", "environment"],
  ["environments", "environment"],
  ["env", "environment"],
  ["ENV", "environment"],
  ["image", "manifest"],
  ["manifset", "manifest"],
  ["cmd", "command"],
  ["volumes", "mounts"],
  ["capabilites", "capabilities"],
  ["stop_delay", "stopDelay"],
  ["stopdelay", "stopDelay"],
  ["hostName", "hostname"],
  ["user", "uid"],
  ["x", undefined],
  ["", undefined],
  ["restart", undefined],
  ["e".repeat(1e5), undefined],
];

for (const [written, suggested] of suggestions) {
  Deno.test(`for ${JSON.stringify(written.slice(0, 20))} the suggestion is ${suggested}`, () => {
    const text = `{"container": {"manifest": "nginx", ${JSON.stringify(written)}: 1}}`;
    const problems = problemsOf(() => parsePrimary(text, "f"));
    const end = suggested === undefined
      ? /: unknown key$/
      : new RegExp(`: unknown key, did you mean "${suggested}"\\?$`);
    assert.match(problems[0]!, end);
    assert.equal(problems.length, 1);
  });
}
