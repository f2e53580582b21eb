import assert from "node:assert/strict";
import { parseDigest } from "../../src/registry/digest.ts";
import {
  formatReference,
  type ImageReference,
  manifestUrl,
  parseReference,
  withDigest,
} from "../../src/registry/reference.ts";

const DIGEST = parseDigest(`sha256:${"0123456789abcdef".repeat(4)}`);
const HUB = "https://registry-1.docker.io";
const LONG_TAG = "t".repeat(128);
const LONG_REPOSITORY = Array(128).fill("a").join("/"); // 255 characters

// text, origin, repository, tag, digest
const GOOD: readonly (readonly [string, string, string, string?, string?])[] = [
  // Docker Hub
  ["nginx", HUB, "library/nginx", "latest"],
  ["nginx:1.27-alpine", HUB, "library/nginx", "1.27-alpine"],
  [`nginx@${DIGEST}`, HUB, "library/nginx", undefined, DIGEST],
  [`nginx:1@${DIGEST}`, HUB, "library/nginx", "1", DIGEST],
  ["team/app", HUB, "team/app", "latest"],
  ["team/app:v1", HUB, "team/app", "v1"],
  ["a/b/c:v1", HUB, "a/b/c", "v1"],
  ["docker.io/nginx", HUB, "library/nginx", "latest"],
  ["docker.io/library/nginx:1", HUB, "library/nginx", "1"],
  ["docker.io/team/app", HUB, "team/app", "latest"],
  ["index.docker.io/nginx:1", HUB, "library/nginx", "1"],
  ["registry-1.docker.io/team/app:1", HUB, "team/app", "1"],
  ["docker.io:443/nginx", HUB, "library/nginx", "latest"],
  ["https://docker.io/nginx", HUB, "library/nginx", "latest"],
  ["https://registry-1.docker.io/v2/library/nginx/manifests/1", HUB, "library/nginx", "1"],
  // a registry of one's own
  ["registry.example/app", "https://registry.example", "app", "latest"],
  ["registry.example/app:1", "https://registry.example", "app", "1"],
  ["registry.example/team/sub/app:1.2.3", "https://registry.example", "team/sub/app", "1.2.3"],
  ["registry.example:5000/app:1", "https://registry.example:5000", "app", "1"],
  ["registry.example:443/app:1", "https://registry.example", "app", "1"],
  ["REGISTRY.Example/app", "https://registry.example", "app", "latest"],
  ["registry:5000/app", "https://registry:5000", "app", "latest"],
  ["localhost/app", "https://localhost", "app", "latest"],
  ["localhost:5000/app:x", "https://localhost:5000", "app", "x"],
  ["127.0.0.1:5000/app", "https://127.0.0.1:5000", "app", "latest"],
  ["[::1]:5000/app:1", "https://[::1]:5000", "app", "1"],
  ["[::1]/app", "https://[::1]", "app", "latest"],
  ["[2001:DB8:0:0::1]:5000/app", "https://[2001:db8::1]:5000", "app", "latest"],
  ["xn--bcher-kva.example/app", "https://xn--bcher-kva.example", "app", "latest"],
  ["registry.example/v2/app:1", "https://registry.example", "v2/app", "1"],
  [`registry.example/app@${DIGEST}`, "https://registry.example", "app", undefined, DIGEST],
  [`registry.example:5000/app:1@${DIGEST}`, "https://registry.example:5000", "app", "1", DIGEST],
  // a scheme in front
  ["https://registry.example/app:1", "https://registry.example", "app", "1"],
  ["http://registry.example:5000/app:1", "http://registry.example:5000", "app", "1"],
  ["http://registry.example:80/app:1", "http://registry.example", "app", "1"],
  ["HTTP://registry/app", "http://registry", "app", "latest"],
  ["https://registry/app", "https://registry", "app", "latest"],
  ["http://[::1]:5000/app:1", "http://[::1]:5000", "app", "1"],
  // manifest URLs
  ["https://registry.example/v2/app/manifests/1", "https://registry.example", "app", "1"],
  ["https://registry.example:5000/v2/a/b/manifests/x", "https://registry.example:5000", "a/b", "x"],
  ["http://127.0.0.1:5000/v2/app/manifests/latest", "http://127.0.0.1:5000", "app", "latest"],
  [
    `https://registry.example/v2/app/manifests/${DIGEST}`,
    "https://registry.example",
    "app",
    undefined,
    DIGEST,
  ],
  [
    "https://registry.example/v2/a/manifests/b/manifests/c",
    "https://registry.example",
    "a/manifests/b",
    "c",
  ],
  // what may stand in names
  ["a_b/c__d/e-f/g---h/i.j0:1", HUB, "a_b/c__d/e-f/g---h/i.j0", "1"],
  [`registry.example/app:${LONG_TAG}`, "https://registry.example", "app", LONG_TAG],
  ["registry.example/app:_A.b-9", "https://registry.example", "app", "_A.b-9"],
  [`registry.example/${LONG_REPOSITORY}:1`, "https://registry.example", LONG_REPOSITORY, "1"],
];

const BAD: readonly (readonly [string, RegExp])[] = [
  ["", /malformed repository/],
  [" ", /malformed repository/],
  [" nginx", /malformed repository/],
  ["nginx\n", /malformed repository/],
  ["nginx:", /malformed tag/],
  ["nginx@", /as a digest/],
  [":1", /malformed repository/],
  ["/nginx", /malformed repository/],
  ["nginx/", /malformed repository/],
  ["team//app", /malformed repository/],
  ["team/../app", /malformed/],
  ["registry.example/../app", /malformed repository/],
  ["registry.example/./app", /malformed repository/],
  ["registry.example/", /malformed repository/],
  ["registry.example/a%2fb", /malformed repository/],
  ["registry.example/App", /malformed repository/],
  ["Team/app", /malformed repository/],
  ["registry.example/-app", /malformed repository/],
  ["registry.example/app-", /malformed repository/],
  ["registry.example/a..b", /malformed repository/],
  ["registry.example/a___b", /malformed repository/],
  ["registry.example/a._b", /malformed repository/],
  ["registry.example/äpp", /malformed repository/],
  ["registry.example/app\\x", /malformed repository/],
  [`registry.example/${LONG_REPOSITORY}a:1`, /longer than 255/],
  [`registry.example/app:${LONG_TAG}t`, /malformed tag/],
  ["registry.example/app:.x", /malformed tag/],
  ["registry.example/app:-x", /malformed tag/],
  ["registry.example/app:a:b", /malformed tag/],
  ["registry.example/app:a/b", /malformed tag/],
  ["registry.example/app:1 ", /malformed tag/],
  ["registry.example/app@sha256:0123", /as a digest/],
  [`registry.example/app@${DIGEST.toUpperCase()}`, /as a digest/],
  [`registry.example/app@${DIGEST}0`, /as a digest/],
  [`registry.example/app@${DIGEST}/..`, /as a digest/],
  [`registry.example/app@sha512:${"0".repeat(128)}`, /as a digest/],
  [`registry.example/app@${DIGEST}@${DIGEST}`, /as a digest/],
  ["registry.example:0/app", /malformed host/],
  ["registry.example:65536/app", /malformed host/],
  ["registry.example:/app", /malformed host/],
  ["registry.example:5000:5000/app", /malformed host/],
  ["registry..example/app", /malformed host/],
  [".registry.example/app", /malformed host/],
  ["registry.example./app", /malformed host/],
  ["-registry.example/app", /malformed host/],
  ["registry_1.example/app", /malformed host/],
  ["bücher.example/app", /malformed host/],
  ["127.1:5000/app", /malformed host/],
  ["0x7f.0.0.1/app", /malformed host/],
  ["256.0.0.1/app", /malformed host/],
  ["[::1/app", /malformed host/],
  ["[::g]:5000/app", /malformed host/],
  ["[fe80::1%25eth0]:5000/app", /malformed host/],
  ["::1/app", /malformed host/],
  ["ftp://registry.example/app", /expected https/],
  ["docker://nginx/app", /expected https/],
  ["https://nginx", /names no repository/],
  ["https://", /names no repository/],
  ["https:///app", /malformed host/],
  ["https://registry.example", /names no repository/],
  ["https://registry.example/", /malformed repository/],
  ["https://registry.example/v2/", /expected the path/],
  ["https://registry.example/v2/app", /expected the path/],
  ["https://registry.example/v2/app/tags/list", /expected the path/],
  ["https://registry.example/v2/app/manifests/", /expected the path/],
  ["https://registry.example/v2/app/manifests/1/", /expected the path/],
  ["https://registry.example/v2/manifests/1", /expected the path/],
  ["https://registry.example/v2/../x/manifests/1", /malformed repository/],
  ["https://registry.example/v2/app/manifests/..", /malformed tag/],
  ["https://registry.example/v2/app/manifests/sha256:12", /as a digest/],
  ["https://registry.example/v2/app/manifests/1?x=y", /query or fragment/],
  ["https://registry.example/v2/app/manifests/1#x", /query or fragment/],
  ["registry.example/app?x", /query or fragment/],
  ["https://user:hunter2@registry.example/app", /credentials do not belong/],
  ["user:hunter2@registry.example/app", /credentials do not belong/],
  [`registry.example/${"a".repeat(1024)}`, /longer than 1024/],
];

function expected(
  [, origin, repository, tag, digest]: (typeof GOOD)[number],
): ImageReference {
  return {
    origin,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest: parseDigest(digest) }),
  };
}

for (const row of GOOD) {
  Deno.test(`parseReference reads ${row[0].slice(0, 90)}`, () => {
    assert.deepEqual(parseReference(row[0]), expected(row));
  });
}

for (const [text, why] of BAD) {
  Deno.test(`parseReference refuses ${JSON.stringify(text.slice(0, 90))}`, () => {
    assert.throws(() => parseReference(text), (error) => {
      assert(error instanceof TypeError);
      assert.match(error.message, /^Cannot use ".*" as an image reference: /);
      assert.match(error.message, why);
      return true;
    });
  });
}

Deno.test("formatReference gives a text that is read back as the same reference", () => {
  for (const [text] of GOOD) {
    const ref = parseReference(text);
    assert.deepEqual(parseReference(formatReference(ref)), ref, text);
  }
});

Deno.test("formatReference shows what a person would write", () => {
  const rows = [
    ["nginx", "docker.io/library/nginx:latest"],
    ["https://registry.example/v2/app/manifests/1", "registry.example/app:1"],
    ["http://registry.example:5000/app", "http://registry.example:5000/app:latest"],
    ["https://registry/app", "https://registry/app:latest"], // without the scheme, it would be on Docker Hub
    [`[::1]:5000/app:1@${DIGEST}`, `[::1]:5000/app:1@${DIGEST}`],
  ] as const;
  for (const [text, shown] of rows) assert.equal(formatReference(parseReference(text)), shown);
});

Deno.test("manifestUrl names the tag, or the digest where there is one", () => {
  const ref = parseReference("http://127.0.0.1:5000/team/app:1");
  assert.equal(manifestUrl(ref).href, "http://127.0.0.1:5000/v2/team/app/manifests/1");
  assert.equal(
    manifestUrl(withDigest(ref, DIGEST)).href,
    `http://127.0.0.1:5000/v2/team/app/manifests/${DIGEST}`,
  );
  assert.equal(
    manifestUrl(parseReference("nginx")).href,
    `${HUB}/v2/library/nginx/manifests/latest`,
  );
});

Deno.test("parseReference shows no secret of what it refuses", () => {
  const texts = [
    "https://user:hunter2@registry.example/app",
    "https://user:hun/hunter2@registry.example/app",
    "user:hunter2@registry.example/app",
    "https://registry.example/app?password=hunter2",
    "ftp://user:hunter2@registry.example/app",
  ];
  for (const text of texts) {
    assert.throws(() => parseReference(text), (error) => !/hunter2/.test(String(error)), text);
  }
});

Deno.test("parseReference takes no longer for a hostile text than for a good one", () => {
  const hostile = [
    `${"a-".repeat(500)}!`,
    `registry.example/${"a-".repeat(400)}!`,
    `${"a-".repeat(500)}.`,
    `${"a.".repeat(400)}/x`,
    `https://${"0".repeat(1000)}/x`,
  ];
  const start = performance.now();
  for (const text of hostile) assert.throws(() => parseReference(text));
  // Some milliseconds, or for ever.
  assert(performance.now() - start < 10_000);
});
