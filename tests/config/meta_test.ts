import assert from "node:assert/strict";
import { detectKind, parseMeta } from "../../src/config/parse.ts";
import { problemsOf } from "./problems.ts";

const good: readonly [text: string, url: string][] = [
  ['{"url": "https://example.com/a.jsonc"}', "https://example.com/a.jsonc"],
  [
    '{"type": "plain", "url": "http://u:p@example.com:81/a?b=c"}',
    "http://u:p@example.com:81/a?b=c",
  ],
  ['{"url": "/etc/frontloader.jsonc", "$schema": "x",} // comment', "/etc/frontloader.jsonc"],
];

for (const [text, url] of good) {
  Deno.test(`a plain meta configuration names ${url}`, () => {
    assert.deepEqual(parseMeta(text, "m"), { type: "plain", url });
  });
}

const inAws = [
  { type: "aws-sm", secretId: "a/b", region: "eu-west-1", machineRole: "r" },
  { type: "aws-sm", secretId: "arn:aws:secretsmanager:eu-west-1:1:secret:a", region: "eu-west-1" },
  { type: "aws-ssm", name: "/a/b", region: "us-gov-west-1" },
  { type: "aws-s3", bucket: "abc", key: "d e/f.jsonc", region: "ap-southeast-2", machineRole: "r" },
];

for (const settings of inAws) {
  Deno.test(`the meta configuration ${JSON.stringify(settings)} is taken as it is`, () => {
    assert.deepEqual(parseMeta(JSON.stringify({ ...settings, $schema: "x" }), "m"), settings);
  });
}

const url = "expected an http or https URL or an absolute path, found";
const bad: readonly [text: string, ...problems: string[]][] = [
  ["{}", '1:1: missing key "url", expected an http or https URL or an absolute path'],
  ["[]", "1:1: expected an object, found an empty list"],
  ["3", "1:1: expected an object, found 3"],
  ['{"url": 3}', `1:9: url: ${url} 3`],
  ['{"url": "a.jsonc"}', `1:9: url: ${url} "a.jsonc"`],
  ['{"url": "ftp://u:hunter2@h/a?key=hunter2"}', `1:9: url: ${url} "ftp://h/a"`],
  ['{"url": "https://"}', `1:9: url: ${url} "https://"`],
  ['{"url": "https://a b/"}', `1:9: url: ${url} "https://a b/"`],
  ['{"path": "/a"}', '1:2: path: unknown key, did you mean "url"?'],
  [
    '{"type": "Plain", "url": 1}',
    '1:10: type: expected "plain", "aws-sm", "aws-ssm" or "aws-s3", found "Plain", did you mean "plain"?',
  ],
  ['{"type": null}', '1:10: type: expected "plain", "aws-sm", "aws-ssm" or "aws-s3", found null'],
  [
    '{"type": "plain", "type": "plain", "url": "/a"}',
    "1:19: type: duplicate key, line 1 has it already",
  ],
  [
    '{"type": "aws-sm", "url": "/a"}',
    '1:1: missing key "secretId", expected the name or ARN of a secret',
    '1:1: missing key "region", expected the name of an AWS region',
    "1:20: url: unknown key",
  ],
  [
    '{"type": "aws-sm", "secretID": "", "region": "Europe", "machineRole": "a b"}',
    '1:20: secretID: unknown key, did you mean "secretId"?',
    '1:46: region: expected the name of an AWS region, found "Europe"',
    '1:71: machineRole: expected the name of an IAM role, found "a b"',
  ],
];

for (const [text, ...problems] of bad) {
  Deno.test(`the meta configuration ${text} is refused`, () => {
    assert.deepEqual(
      problemsOf(() => parseMeta(text, "m")),
      problems.map((problem) => `m:${problem}`),
    );
  });
}

const kinds: readonly [text: string, kind: "meta" | "primary"][] = [
  ['{"url": "/a"}', "meta"],
  ['{"type": "aws-sm"}', "meta"],
  ['{"secretId": "a", "wrong": 1}', "meta"],
  ['{"bucket": "a"}', "meta"],
  ["{url: '/a'}", "meta"],
  ["{}", "primary"],
  ['{"$schema": "x"}', "primary"],
  ['{"container": {"type": "a", "url": "b"}}', "primary"],
  ['{"docker": {"type": "basic"}}', "primary"],
  ["", "primary"],
  ["[1]", "primary"],
  ['{"url": ', "primary"],
];

for (const [text, kind] of kinds) {
  Deno.test(`${text || "an empty text"} is taken for a ${kind} configuration`, () => {
    assert.equal(detectKind(text), kind);
  });
}
