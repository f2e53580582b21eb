import assert from "node:assert/strict";
import { RegistryError } from "../../src/registry/registry_error.ts";
import { responseError } from "../../src/registry/response_error.ts";
import { Transport } from "../../src/registry/transport.ts";
import { recordingFetch, respond } from "./fixtures.ts";

/** The error for an answer with this status and body. */
async function errorOf(
  status: number,
  body: string,
  options: { headers?: HeadersInit; secrets?: string[]; remark?: string } = {},
): Promise<RegistryError> {
  const { fetch } = recordingFetch(() => respond(body, { status, headers: options.headers }));
  const transport = new Transport({
    fetch,
    headersTimeout: 30_000,
    minimumRate: { bytes: 1, window: 30_000 },
  });
  const url = new URL("https://h.example/v2/app/manifests/1?signature=sesame");
  const what = { action: "fetch manifest", method: "GET", url } as const;
  const { secrets, remark } = options;
  return await responseError(what, await transport.send(what), { now: 0, secrets, remark });
}

const PREFIX = "Cannot fetch manifest https://h.example/v2/app/manifests/1: ";

function errors(code: unknown, message: unknown): string {
  return JSON.stringify({ errors: [{ code, message, detail: { x: 1 } }] });
}

const BODIES: readonly (readonly [body: string, why: string, code?: string])[] = [
  [
    errors("MANIFEST_UNKNOWN", "manifest unknown"),
    "404 MANIFEST_UNKNOWN (manifest unknown)",
    "MANIFEST_UNKNOWN",
  ],
  [errors("NAME_UNKNOWN", ""), "404 NAME_UNKNOWN", "NAME_UNKNOWN"],
  [errors(undefined, "no"), "404 (no)"],
  [errors(1, {}), "404"],
  ["", "404"],
  ["not JSON", "404"],
  ["null", "404"],
  ['"text"', "404"],
  ['{"errors":[]}', "404"],
  ['{"errors":{}}', "404"],
  ['{"errors":"none"}', "404"],
  ['{"errors":[null]}', "404"],
  ['{"errors":[{"code":"A"},{"code":"B"}]}', "404 A", "A"],
  [errors("X", "two\nlines\u001b[31m red\u0000\u202e\u2028!"), "404 X (two lines [31m red !)", "X"],
  [errors("X", "m".repeat(100_000)), "404"],
  [errors("X", "m".repeat(1_000)), `404 X (${"m".repeat(200)}…)`, "X"],
];

for (const [body, why, code] of BODIES) {
  Deno.test(`responseError reads ${body.slice(0, 60) || "nothing"}`, async () => {
    const error = await errorOf(404, body);
    assert.equal(error.message, PREFIX + why);
    assert.equal(error.code, code);
  });
}

Deno.test("responseError knows what is temporary", async () => {
  const temporary = [408, 429, 500, 502, 503, 504, 599];
  const lasting = [300, 400, 401, 403, 404, 405, 406, 409, 410, 416, 418];
  for (const status of temporary) assert.equal((await errorOf(status, "")).temporary, true);
  for (const status of lasting) assert.equal((await errorOf(status, "")).temporary, false);
});

Deno.test("responseError has everything that the retry code reads", async () => {
  const error = await errorOf(429, errors("TOOMANYREQUESTS", "slow down"), {
    headers: { "retry-after": "12" },
    remark: "no credentials are configured",
  });
  assert(error instanceof RegistryError);
  assert.equal(error.name, "RegistryError");
  assert.equal(error.method, "GET");
  assert.equal(error.url, "https://h.example/v2/app/manifests/1");
  assert.equal(error.status, 429);
  assert.equal(error.code, "TOOMANYREQUESTS");
  assert.equal(error.retryAfter, 12_000);
  assert.equal(
    error.message,
    PREFIX + "429 TOOMANYREQUESTS (slow down); no credentials are configured",
  );
});

Deno.test("responseError hides secrets that the server repeats", async () => {
  const error = await errorOf(
    401,
    errors("hunter2", "token abc.def.ghi of ann with hunter2 is no good, abc.def.ghi!"),
    { secrets: ["abc.def.ghi", "hunter2", ""] },
  );
  assert.equal(error.message, PREFIX + "401 … (token … of ann with … is no good, …!)");
  assert.doesNotMatch(Deno.inspect(error, { showHidden: true }), /hunter2|abc\.def|sesame/);
});
