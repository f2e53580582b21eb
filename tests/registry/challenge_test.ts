import assert from "node:assert/strict";
import { parseChallenges } from "../../src/registry/challenge.ts";

type Row = readonly [header: string, ...challenges: [scheme: string, Record<string, string>][]];

const ROWS: readonly Row[] = [
  [""],
  ["Basic", ["basic", {}]],
  ['Basic realm="registry"', ["basic", { realm: "registry" }]],
  ["BASIC Realm=registry", ["basic", { realm: "registry" }]],
  [
    'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
    ["bearer", {
      realm: "https://auth.example/token",
      service: "registry.example",
      scope: "repository:a/b:pull,push",
    }],
  ],
  [
    'Bearer realm="https://auth.example/token" , scope = "a b" ,, error="insufficient_scope"',
    ["bearer", { realm: "https://auth.example/token", scope: "a b", error: "insufficient_scope" }],
  ],
  [
    "Bearer realm=https://auth.example/token?x=1,service=s",
    ["bearer", { realm: "https://auth.example/token?x=1", service: "s" }],
  ],
  [
    'Basic realm="a, Bearer realm=b", Bearer realm="c"',
    ["basic", { realm: "a, Bearer realm=b" }],
    ["bearer", { realm: "c" }],
  ],
  [
    'Negotiate, Basic realm="x", Bearer realm="y",service="z"',
    ["negotiate", {}],
    ["basic", { realm: "x" }],
    ["bearer", { realm: "y", service: "z" }],
  ],
  [
    'Negotiate dG9/a2Vu==, Bearer realm="y"',
    ["negotiate", {}],
    ["bearer", { realm: "y" }],
  ],
  [', , Bearer realm="y"', ["bearer", { realm: "y" }]],
  [
    String.raw`Bearer realm="a\"b\\c\d",service=""`,
    ["bearer", { realm: 'a"b\\cd', service: "" }],
  ],
  ['Bearer realm="first",realm="second"', ["bearer", { realm: "first" }]],
  ['Bearer __proto__="x",realm="y"', ["bearer", { ["__proto__"]: "x", realm: "y" }]],
  // malformed: what came before counts
  ['Bearer realm="not closed', ["bearer", {}]],
  ['Bearer realm="x" "stray", service="y"', ["bearer", { realm: "x" }]],
  ['realm="x"'],
  ["@@@"],
  ['Bearer realm="x"; service="y"', ["bearer", { realm: "x" }]],
];

for (const [header, ...challenges] of ROWS) {
  Deno.test(`parseChallenges reads ${header || "an empty header"}`, () => {
    assert.deepEqual(
      parseChallenges(header).map(({ scheme, parameters }) => [scheme, [...parameters]]),
      challenges.map(([scheme, parameters]) => [scheme, Object.entries(parameters)]),
    );
  });
}

Deno.test("parseChallenges takes no longer for a hostile header than for a good one", () => {
  const start = performance.now();
  for (const header of ["a ".repeat(50_000), `a b="${"\\".repeat(100_000)}`, ", ".repeat(50_000)]) {
    parseChallenges(header);
  }
  // A tenth of a second at most, or for ever.
  assert(performance.now() - start < 10_000);
});
