import assert from "node:assert/strict";
import { looksSecret } from "../../src/config/describe.ts";
import { parseMeta, parsePrimary } from "../../src/config/parse.ts";
import { problemsOf } from "./problems.ts";

/** In every one of these stands "hunter2", or 31337, in the place of a secret, and something is wrong. */
const primaries: readonly string[] = [
  '{"docker": {"password": "hunter2"}}',
  '{"docker": {"username": "u", "password": 31337}}',
  '{"docker": {"username": "u", "password": ["hunter2"]}}',
  '{"docker": {"username": "u", "password": "hunter2\\u0000"}}',
  '{"docker": {"username": "u", "password": "hunter2\\ud800"}}',
  '{"docker": {"username": "u", "password": "hunter2", "password": "hunter2"}}',
  '{"docker": {"username": "u", "passwort": "hunter2"}}',
  '{"docker": {"username": "u", "token": "hunter2"}}',
  '{"docker": {"username": "u", "password": hunter2}}',
  `{"docker": {"username": "u", "password": 'hunter2'}}`,
  '{"docker": {"username": "u", "password": "hunter2}}',
  '{"docker": {"username": "u", "password": "hun"hunter2"}}',
  '{"docker": {"username": "u", "password: "hunter2"}}',
  '{"docker": {"username": "u", "password" hunter2}}',
  '{"docker": {"username": "u", "password"="hunter2"}}',
  '{"docker": {"username": "u", "password": "\\hunter2"}}',
  '{"docker": {"username": "u", "password", "hunter2"}}',
  '{"docker": {"username": "u", "password": #hunter2\n}}',
  '{"docker": {"username": "u", "password": -hunter2}}',
  '{"docker": "https://hunter2:hunter2@h/"}',
  '{"container": {"manifest": "nginx", "environment": {"A": "hunter2\\u0000"}}}',
  '{"container": {"manifest": "nginx", "environment": {"A": null, "B": {"c": 31337e999}}}}',
  '{"container": {"manifest": "nginx", "environment": "hunter2"}}',
  '{"container": {"manifest": "nginx", "environment": {"A": {"hun": "hunter2", "hun": "hunter2"}}}}',
  '{"container": {"manifest": "nginx", "environment": {"A": "hunter2}}}',
  '{"container": {"manifest": "nginx", "docker": {"password": "hunter2"}}}',
  '{"container": {"manifest": "https://hunter2:hunter2@h/v2/a/manifests/b"}}',
  '{"container": {"manifest": "https://h/v2/a/manifests/b?token=hunter2"}}',
  '{"container": {"manifest": "nginx", "files": {"a": "hunter2"}}}',
  '{"container": {"manifest": "nginx", "files": {"/a": {"contents": 31337}}}}',
  '{"container": {"manifest": "nginx", "apiKey": "hunter2"}}',
  '{"kernel": {"manifest": "a", "docker": {"username": "u", "password": 31337}}}',
];

for (const text of primaries) {
  Deno.test(`the secret in ${text} is not shown`, () => {
    const problems = problemsOf(() => parsePrimary(text, "f"));
    assert.notEqual(problems.length, 0);
    assert.doesNotMatch(problems.join("\n"), /hunter2|31337/);
  });
}

const metas: readonly string[] = [
  '{"url": "ftp://u:hunter2@h/"}',
  '{"url": "htps://h/?token=hunter2"}',
  '{"url": "https://u:hun/ter2@hunter2@ h/"}',
  '{"url": "https://h /#hunter2"}',
  '{"type": "aws-sm", "region": "eu-west-1", "secretId": "hunter2 hunter2"}',
];

for (const text of metas) {
  Deno.test(`the secret in ${text} is not shown`, () => {
    const problems = problemsOf(() => parseMeta(text, "m"));
    assert.notEqual(problems.length, 0);
    assert.doesNotMatch(problems.join("\n"), /hunter2|ter2/);
  });
}

for (
  const name of [
    "password",
    "dbPasswd",
    "TOKEN",
    "awsSecret",
    "api_key",
    "apiKey",
    "privateKey",
    "credentials",
  ]
) {
  Deno.test(`what stands under ${name} is never shown`, () => {
    assert.ok(looksSecret(name));
  });
}

for (const name of ["username", "uid", "url", "key", "manifest", "path"]) {
  Deno.test(`what stands under ${name} can be shown`, () => {
    assert.ok(!looksSecret(name));
  });
}
