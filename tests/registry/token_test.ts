import assert from "node:assert/strict";
import { parseChallenges } from "../../src/registry/challenge.ts";
import { requestToken } from "../../src/registry/token.ts";
import type { Purpose } from "../../src/registry/token_cache.ts";
import { Transport } from "../../src/registry/transport.ts";
import { recordingFetch, redirect, registryErrorOf, respond } from "./fixtures.ts";

const CREDENTIALS = { username: "änn", password: "hunter2" };
const BASIC = `Basic ${new TextEncoder().encode("änn:hunter2").toBase64()}`;
const NOW = 1_000_000;
const REALM = 'realm="https://auth.example/token"';

/** Asks for a token for a registry that sent `challenge`, of a token server that answers `answer`. */
function ask(challenge: string, answer: (url: URL) => Response, given: Partial<Purpose> = {}) {
  const { fetch, seen } = recordingFetch(answer);
  const transport = new Transport({
    fetch,
    headersTimeout: 30_000,
    minimumRate: { bytes: 1, window: 30_000 },
  });
  const purpose = {
    registry: "https://registry.example",
    scope: "repository:app:pull",
    credentials: CREDENTIALS,
    ...given,
  };
  const [parsed] = parseChallenges(challenge);
  assert(parsed !== undefined);
  return { token: requestToken(transport, parsed, purpose, () => NOW), seen };
}

const issue = () => respond('{"token":"sesame"}');

const ANSWERS: readonly (readonly [name: string, answer: string, token: string, life: number])[] = [
  ["token", '{"token":"sesame"}', "sesame", 60],
  ["access_token", '{"access_token":"sesame"}', "sesame", 60],
  ["both, of which token counts", '{"token":"a","access_token":"b"}', "a", 60],
  ["expires_in", '{"token":"sesame","expires_in":300}', "sesame", 300],
  ["expires_in as a string", '{"token":"sesame","expires_in":"300"}', "sesame", 300],
  ["a short expires_in", '{"token":"sesame","expires_in":1}', "sesame", 1],
  ["an expires_in of zero", '{"token":"sesame","expires_in":0}', "sesame", 60],
  ["a negative expires_in", '{"token":"sesame","expires_in":-5}', "sesame", 60],
  ["an expires_in that is no number", '{"token":"sesame","expires_in":"soon"}', "sesame", 60],
  ["expires_in null", '{"token":"sesame","expires_in":null}', "sesame", 60],
];

for (const [name, answer, token, life] of ANSWERS) {
  Deno.test(`requestToken reads ${name}`, async () => {
    const issued = await ask(`Bearer ${REALM}`, () => respond(answer)).token;
    assert.equal(issued.header, `Bearer ${token}`);
    assert.equal(issued.expiresAt, NOW + life * 900);
  });
}

const NO_TOKEN: readonly string[] = [
  "",
  "sesame",
  "null",
  "[]",
  "42",
  "{}",
  '{"token":""}',
  '{"token":42}',
  '{"token":"ses ame"}',
  '{"token":"sesame\\r\\nX-Evil: 1"}',
  '{"token":"sés"}',
];

for (const answer of NO_TOKEN) {
  Deno.test(`requestToken finds no token in ${JSON.stringify(answer)}`, async () => {
    const error = await registryErrorOf(ask(`Bearer ${REALM}`, () => respond(answer)).token);
    assert.equal(
      error.message,
      "Cannot get a token from https://auth.example/token: the answer holds no token",
    );
    assert.doesNotMatch(Deno.inspect(error), /ses ?ame/);
  });
}

const URLS: readonly (readonly [name: string, challenge: string, url: string])[] = [
  [
    "service and scope",
    `Bearer ${REALM},service="registry.example",scope="repository:app:pull"`,
    "https://auth.example/token?service=registry.example&scope=repository%3Aapp%3Apull",
  ],
  [
    "a scope of the registry's own kind",
    `Bearer ${REALM},scope="aws"`,
    "https://auth.example/token?scope=aws",
  ],
  [
    "no scope, where the client knows one",
    `Bearer ${REALM}`,
    "https://auth.example/token?scope=repository%3Aapp%3Apull",
  ],
  [
    "several scopes",
    `Bearer ${REALM},scope="repository:a:pull repository:b:pull"`,
    "https://auth.example/token?scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull",
  ],
  [
    "a realm with a query",
    'Bearer realm="https://auth.example/token?x=1#y",service="a&b=c"',
    "https://auth.example/token?x=1&service=a%26b%3Dc&scope=repository%3Aapp%3Apull",
  ],
];

for (const [name, challenge, url] of URLS) {
  Deno.test(`requestToken asks with ${name}`, async () => {
    const { token, seen } = ask(challenge, issue);
    await token;
    assert.deepEqual(seen.map((request) => request.url), [url]);
  });
}

Deno.test("requestToken sends credentials as Basic, and nothing where there are none", async () => {
  const known = ask(`Bearer ${REALM}`, issue);
  await known.token;
  assert.equal(known.seen[0]?.authorization, BASIC);
  const anonymous = ask(`Bearer ${REALM}`, issue, { credentials: undefined });
  await anonymous.token;
  assert.equal(anonymous.seen[0]?.authorization, null);
});

// registry, realm, and whether it may be asked
const REALMS: readonly (readonly [registry: string, realm: string, allowed: boolean])[] = [
  ["https://registry.example", "https://registry.example/token", true],
  ["https://registry.example", "https://auth.example/token", true],
  ["https://registry.example", "http://registry.example/token", false],
  ["https://registry.example", "http://auth.example/token", false],
  ["https://registry.example", "http://127.0.0.1/token", false],
  ["http://registry.example", "http://registry.example/token", true],
  ["http://registry.example", "http://auth.example/token", true],
  ["http://registry.example", "https://auth.example/token", true],
  ["https://registry.example", "https://user:pw@auth.example/token", false],
  ["https://registry.example", "file:///etc/passwd", false],
  ["https://registry.example", "/token", false],
  ["https://registry.example", "", false],
];

for (const [registry, realm, allowed] of REALMS) {
  for (const credentials of [CREDENTIALS, undefined]) {
    const who = credentials ? "with credentials" : "anonymously";
    const what = allowed ? "asks" : "does not ask";
    Deno.test(`requestToken for ${registry} ${what} ${realm || "no realm"} ${who}`, async () => {
      const { token, seen } = ask(`Bearer realm="${realm}"`, issue, { registry, credentials });
      if (allowed) {
        assert.equal((await token).header, "Bearer sesame");
        return;
      }
      const error = await registryErrorOf(token);
      assert.match(error.message, /^Cannot get a token for https:\/\/registry\.example\/: /);
      assert.equal(error.temporary, false);
      assert.equal(seen.length, 0);
    });
  }
}

Deno.test("requestToken sends no credentials where the token server redirects to", async () => {
  const { token, seen } = ask(
    `Bearer ${REALM}`,
    (url) => url.host === "auth.example" ? redirect("https://evil.example/token") : issue(),
  );
  await token;
  assert.deepEqual(seen.map(({ authorization }) => authorization), [BASIC, null]);
});

Deno.test("requestToken follows no redirect of the token server to http", async () => {
  const { token, seen } = ask(`Bearer ${REALM}`, () => redirect("http://auth.example/token"));
  assert.match((await registryErrorOf(token)).message, /redirected from https to http/);
  assert.equal(seen.length, 1);
});

Deno.test("requestToken says what the token server said", async () => {
  const rows = [
    [401, '{"details":"incorrect username or password"}', "401 (incorrect username or password)"],
    [
      400,
      '{"error":"invalid_scope","error_description":"no"}',
      "400 invalid_scope (no)",
    ],
    [403, '{"errors":[{"code":"DENIED","message":"go away"}]}', "403 DENIED (go away)"],
    [404, "<html>", "404"],
  ] as const;
  for (const [status, body, why] of rows) {
    const error = await registryErrorOf(
      ask(`Bearer ${REALM}`, () => respond(body, { status })).token,
    );
    assert.equal(error.message, `Cannot get a token from https://auth.example/token: ${why}`);
    assert.equal(error.status, status);
    assert.equal(error.temporary, false);
  }
});

Deno.test("requestToken takes a busy token server for a temporary failure", async () => {
  for (const [status, headers] of [[503, {}], [429, { "retry-after": "7" }]] as const) {
    const error = await registryErrorOf(
      ask(`Bearer ${REALM}`, () => respond("", { status, headers })).token,
    );
    assert.equal(error.temporary, true);
    assert.equal(error.retryAfter, status === 429 ? 7_000 : undefined);
  }
});
