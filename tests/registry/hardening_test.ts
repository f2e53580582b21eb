/**
 * What hostile and broken registries do, and what must come of it. The name of each test begins with the case.
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { Descriptor } from "../../src/registry/descriptor.ts";
import { parseReference, withDigest } from "../../src/registry/reference.ts";
import { RegistryClient, type RegistryClientOptions } from "../../src/registry/registry_client.ts";
import { digestOf, type RegistryServer, startRegistry } from "../support/registry_server.ts";
import {
  consume,
  noise,
  readAll,
  recordingFetch,
  recordingRetry,
  registryErrorOf,
  respond,
  startRawServer,
  writeAll,
} from "./fixtures.ts";

const CREDENTIALS = { username: "ann", password: "hunter2" };
const BLOB = noise(1_000_000);
/** An attempt that brought 1,000 bytes counts as progress. */
const MINIMUM_RATE = { bytes: 1_000, window: 30_000 };

/** A client that never waits, and an image of that registry. */
function clientOf(origin: string, options: RegistryClientOptions = {}) {
  const { retry, sleeps } = recordingRetry();
  const client = new RegistryClient({ retry, minimumRate: MINIMUM_RATE, ...options });
  return { client, sleeps, ref: parseReference(`${origin}/app:1`) };
}

function blobRequests(registry: RegistryServer) {
  return registry.log.filter(({ path }) => path.includes("/blobs/"));
}

function tokenRequests(registry: RegistryServer) {
  return registry.log.filter(({ path }) => path.startsWith("/token"));
}

/** The first byte that a Range header asks for; 0 without one. */
function offsetOf(range: string | null | undefined): number {
  return Number(/^bytes=(\d+)-$/.exec(range ?? "bytes=0-")?.[1]);
}

/** The head of an answer, as it goes over the wire. */
function head(status: number, headers: Record<string, string | number | undefined>): string {
  const lines = Object.entries(headers).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} X\r\n${lines.join("")}connection: close\r\n\r\n`;
}

/** A registry with one blob that is served by hand, a connection a request. */
function startRawBlob(
  answer: (connection: Deno.Conn, offset: number, count: number) => Promise<unknown>,
) {
  let count = 0;
  return startRawServer((connection, request) => {
    const range = /^range: (.*)\r$/im.exec(request)?.[1];
    return answer(connection, offsetOf(range), ++count);
  });
}

const DESCRIPTOR: Descriptor = { mediaType: "x", digest: digestOf(BLOB), size: BLOB.length };

// --- 401 in mid-pull, token expired: one refresh, resume; a repeated 401 ends with a clear error

Deno.test("401 in mid-pull: one new token, and the blob goes on where it stopped", async () => {
  await using registry = startRegistry({ auth: { type: "bearer", ...CREDENTIALS } });
  const descriptor = registry.addBlob(BLOB);
  registry.breakNextBlob({ kind: "reset", after: 300_000 });
  const { client, ref } = clientOf(registry.origin, { credentials: CREDENTIALS });
  let told = 0;
  const onBytes = (bytes: number) => {
    if (told === 0) registry.revokeTokens();
    told += bytes;
  };
  assert.deepEqual(await readAll(client.openBlob(ref, descriptor, { onBytes })), BLOB);
  assert.equal(told, BLOB.length);
  assert.deepEqual(blobRequests(registry).map(({ status }) => status), [401, 200, 401, 206]);
  assert.equal(tokenRequests(registry).length, 2);
});

Deno.test("401 again with a new token: a clear error, and no third request", async () => {
  await using registry = startRegistry({ auth: { type: "bearer", ...CREDENTIALS } });
  registry.putManifest("app", "1", {});
  const { client, ref, sleeps } = clientOf(registry.origin, { credentials: CREDENTIALS });
  await client.fetchManifest(ref);
  registry.log.length = 0;
  registry.hook = ({ url }) => {
    if (!url.includes("/token")) registry.revokeTokens();
    return undefined;
  };
  const error = await registryErrorOf(client.fetchManifest(ref));
  assert.match(
    error.message,
    /^Cannot fetch manifest \S+: 401 UNAUTHORIZED \(authentication required\); the credentials were/,
  );
  assert.equal(error.temporary, false);
  assert.deepEqual(registry.log.map(({ status }) => status), [401, 200, 401]);
  assert.deepEqual(sleeps, []);
});

Deno.test("401 for three layers at once: one new token for all of them", async () => {
  await using registry = startRegistry({ auth: { type: "bearer", ...CREDENTIALS } });
  const layers = [1, 2, 3].map((n) => noise(n * 1_000));
  const { client, ref } = clientOf(registry.origin, { credentials: CREDENTIALS });
  const pulled = layers.map((bytes) => readAll(client.openBlob(ref, registry.addBlob(bytes))));
  assert.deepEqual(await Promise.all(pulled), layers);
  assert.equal(tokenRequests(registry).length, 1);
});

// --- 429 with Retry-After, capped at 60 s; without it 2 s doubling with jitter

Deno.test("429: the registry's Retry-After is honoured, as seconds and as a date, up to a minute", async () => {
  const now = Date.parse("Mon, 01 Jan 2024 00:00:00 GMT");
  const waits = ["7", "Mon, 01 Jan 2024 00:00:11 GMT", "3600", undefined];
  await using registry = startRegistry();
  const digest = registry.putManifest("app", "1", {});
  let requests = 0;
  registry.hook = () => {
    if (requests === waits.length) return undefined;
    const wait = waits[requests++];
    return new Response("slow down", {
      status: 429,
      headers: wait === undefined ? {} : { "retry-after": wait },
    });
  };
  const { retry, sleeps } = recordingRetry(() => now);
  const { client, ref } = clientOf(registry.origin, { retry });
  assert.equal(await client.resolveDigest(ref), digest);
  assert.deepEqual(sleeps, [7_000, 11_000, 60_000, 16_000]);
});

Deno.test("429 without Retry-After: 2 s, doubling, and an error in the end", async () => {
  await using registry = startRegistry({ hook: () => new Response(null, { status: 429 }) });
  const { client, ref, sleeps } = clientOf(registry.origin);
  const error = await registryErrorOf(client.resolveDigest(ref));
  assert.equal(error.status, 429);
  assert.deepEqual(sleeps, [2_000, 4_000, 8_000, 16_000]);
  assert.equal(registry.log.length, 5);
});

Deno.test("429 from the token server: waited for and asked again", async () => {
  await using registry = startRegistry({ auth: { type: "bearer" } });
  const digest = registry.putManifest("app", "1", {});
  let refused = 0;
  registry.hook = ({ url }) =>
    url.includes("/token") && refused++ < 2
      ? new Response(null, { status: 429, headers: { "retry-after": "3" } })
      : undefined;
  const { client, ref, sleeps } = clientOf(registry.origin);
  assert.equal(await client.resolveDigest(ref), digest);
  assert.deepEqual(sleeps, [3_000, 3_000]);
});

// --- 408, 5xx: retried with jitter, bounded

for (const status of [408, 500, 502, 503, 504]) {
  Deno.test(`${status}: retried, but not for ever`, async () => {
    await using registry = startRegistry();
    const digest = registry.putManifest("app", "1", {});
    const descriptor = registry.addBlob(BLOB);
    let failures = 4;
    registry.hook = () => failures-- > 0 ? new Response(null, { status }) : undefined;
    const { client, ref, sleeps } = clientOf(registry.origin);
    assert.equal(await client.resolveDigest(ref), digest);
    failures = 4;
    assert.equal((await client.fetchManifest(ref)).digest, digest);
    failures = 4;
    assert.deepEqual(await readAll(client.openBlob(ref, descriptor)), BLOB);
    const delays = [500, 1_000, 2_000, 4_000];
    assert.deepEqual(sleeps, [...delays, ...delays, ...delays]);

    failures = Infinity;
    registry.log.length = 0;
    assert.equal((await registryErrorOf(client.fetchManifest(ref))).status, status);
    assert.match(
      String((await consume(client.openBlob(ref, descriptor))).error),
      /Cannot fetch blob/,
    );
    assert.equal(registry.log.length, 10);
  });
}

for (const status of [400, 403, 404, 405, 410]) {
  Deno.test(`${status}: not retried`, async () => {
    await using registry = startRegistry({ hook: () => new Response(null, { status }) });
    const { client, ref, sleeps } = clientOf(registry.origin);
    assert.equal((await registryErrorOf(client.fetchManifest(ref))).status, status);
    assert(await consume(client.openBlob(ref, DESCRIPTOR)));
    assert.equal(registry.log.length, 2);
    assert.deepEqual(sleeps, []);
  });
}

// --- connection reset in a blob: resumed with Range; Content-Range checked; a 200 restarts

Deno.test("connection reset in a blob: resumed with Range, as often as it brings something", async () => {
  await using registry = startRegistry();
  const descriptor = registry.addBlob(BLOB);
  for (let i = 0; i < 9; i++) registry.breakNextBlob({ kind: "reset", after: 100_000 });
  const { client, ref } = clientOf(registry.origin);
  let told = 0;
  const stream = client.openBlob(ref, descriptor, { onBytes: (bytes) => told += bytes });
  assert.deepEqual(await readAll(stream), BLOB);
  assert.equal(told, BLOB.length);
  const requests = blobRequests(registry);
  assert.equal(requests.length, 10);
  assert.deepEqual(requests.map(({ status }) => status), [200, ...Array(9).fill(206)]);
  const offsets = requests.map(({ range }) => offsetOf(range));
  assert(offsets.every((offset, i) => i === 0 || offset > (offsets[i - 1] ?? 0)), String(offsets));
});

Deno.test("connection reset that brings next to nothing each time: an error in the end", async () => {
  await using registry = startRegistry();
  const descriptor = registry.addBlob(BLOB);
  for (let i = 0; i < 99; i++) registry.breakNextBlob({ kind: "reset", after: 100 });
  const { client, ref, sleeps } = clientOf(registry.origin);
  const { error } = await consume(client.openBlob(ref, descriptor));
  assert.match(String(error), /Cannot fetch blob .*: error reading a body from connection/);
  assert.equal(blobRequests(registry).length, 5);
  assert.deepEqual(sleeps, [500, 1_000, 2_000, 4_000]);
});

Deno.test("connection reset, and the registry knows no Range: a 200 restarts, what was given stays given", async () => {
  await using raw = startRawBlob(async (connection, _offset, count) => {
    const end = count < 3 ? count * 300_000 : BLOB.length;
    await writeAll(connection, head(200, { "content-length": BLOB.length }), BLOB.subarray(0, end));
  });
  const { client, ref } = clientOf(raw.origin);
  assert.deepEqual(await readAll(client.openBlob(ref, DESCRIPTOR)), BLOB);
  assert.equal(raw.requests.length, 3);
  assert.match(raw.requests[1] ?? "", /^range: bytes=\d+-\r$/im);
});

Deno.test("connection reset, and another blob comes after it: the digest of the whole tells", async () => {
  const other = BLOB.map((byte) => byte ^ 255);
  await using raw = startRawBlob(async (connection, offset, count) => {
    const [from, end] = count === 1 ? [BLOB, 300_000] : [other, BLOB.length];
    const headers = {
      "content-length": BLOB.length - offset,
      "content-range": `bytes ${offset}-${BLOB.length - 1}/${BLOB.length}`,
    };
    await writeAll(connection, head(count === 1 ? 200 : 206, headers), from.subarray(offset, end));
  });
  const { client, ref } = clientOf(raw.origin);
  const { error, length } = await consume(client.openBlob(ref, DESCRIPTOR));
  assert.match(String(error), /its digest is sha256:/);
  assert(length < BLOB.length);
});

Deno.test("connection reset while a 200 repeats what is known, then a 206: nothing twice, nothing lost", async () => {
  await using raw = startRawBlob(async (connection, offset, count) => {
    const whole = head(200, { "content-length": BLOB.length });
    const range = { "content-range": `bytes ${offset}-${BLOB.length - 1}/${BLOB.length}` };
    if (count === 1) await writeAll(connection, whole, BLOB.subarray(0, 300_000));
    else if (count === 2) await writeAll(connection, whole, BLOB.subarray(0, 100_000));
    else await writeAll(connection, head(206, range), BLOB.subarray(offset));
  });
  const { client, ref } = clientOf(raw.origin);
  assert.deepEqual(await readAll(client.openBlob(ref, DESCRIPTOR)), BLOB);
  assert.equal(raw.requests.length, 3);
});

const RANGES: readonly (readonly [name: string, range: (offset: number) => string | undefined])[] =
  [
    ["begins elsewhere", (offset) => `bytes ${offset - 1}-${BLOB.length - 1}/${BLOB.length}`],
    ["begins at 0", () => `bytes 0-${BLOB.length - 1}/${BLOB.length}`],
    ["has another total", (offset) => `bytes ${offset}-${BLOB.length}/${BLOB.length + 1}`],
    ["is malformed", () => "bytes */*"],
    ["is missing", () => undefined],
  ];

for (const [name, range] of RANGES) {
  Deno.test(`Content-Range that ${name}: rejected`, async () => {
    await using raw = startRawBlob(async (connection, offset, count) => {
      if (count === 1) {
        const start = BLOB.subarray(0, 300_000);
        return await writeAll(connection, head(200, { "content-length": BLOB.length }), start);
      }
      const start = head(206, { "content-range": range(offset) });
      await writeAll(connection, start, BLOB.subarray(offset));
    });
    const { client, ref } = clientOf(raw.origin);
    const { error, length } = await consume(client.openBlob(ref, DESCRIPTOR));
    assert.match(String(error), /Content-Range|its descriptor says/);
    assert(length <= 300_000);
    assert.equal(raw.requests.length, 2);
  });
}

Deno.test("Content-Range with an unknown total: accepted", async () => {
  await using raw = startRawBlob(async (connection, offset, count) => {
    const headers = { "content-range": `bytes ${offset}-${BLOB.length - 1}/*` };
    await (count === 1
      ? writeAll(connection, head(200, { "content-length": BLOB.length }), BLOB.subarray(0, 9_999))
      : writeAll(connection, head(206, headers), BLOB.subarray(offset)));
  });
  const { client, ref } = clientOf(raw.origin);
  assert.deepEqual(await readAll(client.openBlob(ref, DESCRIPTOR)), BLOB);
});

// --- redirect to another origin: Authorization not sent there (all kinds: transport_test.ts)

for (const auth of ["none", "basic"] as const) {
  for (const challenge of ["Basic", 'Bearer realm="THIEF/token"']) {
    const name = `a registry with auth ${auth} to a host that asks for ${challenge.split(" ")[0]}`;
    Deno.test(`redirect by ${name}: it gets no credentials`, async () => {
      await using thief = startRegistry();
      thief.hook = () => {
        const headers = { "www-authenticate": challenge.replace("THIEF", thief.origin) };
        return new Response(null, { status: 401, headers });
      };
      await using registry = startRegistry({ auth: { type: auth, ...CREDENTIALS } });
      registry.hook = ({ url, headers }) =>
        auth === "none" || headers.has("authorization")
          ? Response.redirect(thief.origin + new URL(url).pathname, 307)
          : undefined;
      const { client, ref } = clientOf(registry.origin, { credentials: CREDENTIALS });
      const error = await registryErrorOf(client.fetchManifest(ref));
      assert.equal(error.status, 401);
      assert(error.url.startsWith(thief.origin));
      assert.deepEqual(thief.log.map(({ authorized, path }) => [authorized, path]), [
        [false, "/v2/app/manifests/1"],
      ]);
    });
  }
}

// --- token realm or challenge on another host: https never falls to http (all kinds: token_test.ts)

Deno.test("token realm by http of a registry by https: not asked, not even without credentials", async () => {
  for (const credentials of [CREDENTIALS, undefined]) {
    const { fetch, seen } = recordingFetch(() =>
      respond("", {
        status: 401,
        headers: { "www-authenticate": 'Bearer realm="http://auth.example/token"' },
      })
    );
    const { client, ref } = clientOf("https://registry.example", { fetch, credentials });
    const error = await registryErrorOf(client.fetchManifest(ref));
    assert.match(error.message, /a realm without TLS, http:\/\/auth\.example/);
    assert.deepEqual(seen.map(({ url }) => new URL(url).origin), ["https://registry.example"]);
  }
});

Deno.test("token realm on another host: gets the password, the registry only the token", async () => {
  const { fetch, seen } = recordingFetch((url, init) => {
    if (url.host === "auth.example") return respond('{"token":"sesame"}');
    if (new Headers(init.headers).has("authorization")) return respond("{}");
    const headers = { "www-authenticate": 'Bearer realm="https://auth.example/token"' };
    return respond("", { status: 401, headers });
  });
  const { client, ref } = clientOf("https://registry.example", { fetch, credentials: CREDENTIALS });
  await client.fetchManifest(ref);
  assert.deepEqual(seen.map(({ url, authorization }) => [new URL(url).host, authorization]), [
    ["registry.example", null],
    ["auth.example", `Basic ${btoa("ann:hunter2")}`],
    ["registry.example", "Bearer sesame"],
  ]);
});

// --- slow body: cut off below a minimum rate, retried

Deno.test("slow body: cut off and resumed", async () => {
  await using registry = startRegistry();
  const descriptor = registry.addBlob(BLOB);
  registry.breakNextBlob({ kind: "stall", after: 0 });
  registry.breakNextBlob({ kind: "stall", after: 400_000 });
  // Long enough for a busy machine to send the third answer.
  const minimumRate = { bytes: 1_000, window: 1_000 };
  const { client, ref, sleeps } = clientOf(registry.origin, { minimumRate });
  assert.deepEqual(await readAll(client.openBlob(ref, descriptor)), BLOB);
  assert.equal(blobRequests(registry).length, 3);
  assert.equal(sleeps.length, 2);
});

Deno.test("slow body, again and again: an error in the end", async () => {
  await using registry = startRegistry();
  const descriptor = registry.addBlob(BLOB);
  for (let i = 0; i < 9; i++) registry.breakNextBlob({ kind: "stall", after: 0 });
  const { client, ref } = clientOf(registry.origin, { minimumRate: { bytes: 1_000, window: 20 } });
  const { error } = await consume(client.openBlob(ref, descriptor));
  assert.match(String(error), /Cannot fetch blob .*: slower than 1000 bytes in 0\.02 s/);
  assert.equal(blobRequests(registry).length, 5);
});

Deno.test("slow manifest: cut off and retried", async () => {
  await using raw = startRawServer(async (connection) => {
    await writeAll(connection, head(200, { "content-length": 100 }), "{");
    await connection.read(new Uint8Array(1));
  });
  const { client, ref } = clientOf(raw.origin, { minimumRate: { bytes: 1_000, window: 20 } });
  assert.match((await registryErrorOf(client.fetchManifest(ref))).message, /slower than/);
  assert.equal(raw.requests.length, 5);
});

// --- short body, close-delimited: detected by size

Deno.test("short body, close-delimited: detected by size and resumed", async () => {
  await using raw = startRawBlob(async (connection, offset) => {
    const range = { "content-range": `bytes ${offset}-${BLOB.length - 1}/${BLOB.length}` };
    const start = offset === 0 ? head(200, {}) : head(206, range);
    await writeAll(connection, start, BLOB.subarray(offset, offset + 400_000));
  });
  const { client, ref } = clientOf(raw.origin);
  assert.deepEqual(await readAll(client.openBlob(ref, DESCRIPTOR)), BLOB);
  assert.equal(raw.requests.length, 3);
});

Deno.test("short body, chunked: detected by size and resumed", async () => {
  await using registry = startRegistry();
  const descriptor = registry.addBlob(BLOB);
  registry.breakNextBlob({ kind: "truncate", after: 400_000 });
  const { client, ref } = clientOf(registry.origin);
  assert.deepEqual(await readAll(client.openBlob(ref, descriptor)), BLOB);
  assert.deepEqual(blobRequests(registry).map(({ range }) => offsetOf(range)), [0, 400_000]);
});

Deno.test("short body and nothing more to be had: an error before the end of the stream", async () => {
  await using raw = startRawBlob((connection) => writeAll(connection, head(200, {}), "x"));
  const { client, ref } = clientOf(raw.origin);
  const { error } = await consume(client.openBlob(ref, DESCRIPTOR));
  assert.match(String(error), /it ended after 1 of 1000000 bytes/);
});

// --- blobs that are not what their descriptor says

Deno.test("wrong digest: the last chunk is not given away", async () => {
  await using registry = startRegistry();
  const small = registry.addBlob(noise(1_000));
  const large = registry.addBlob(BLOB);
  const { client, ref, sleeps } = clientOf(registry.origin);
  for (const descriptor of [small, large]) {
    registry.breakNextBlob({ kind: "corrupt", after: 10 });
    const { error, length } = await consume(client.openBlob(ref, descriptor));
    assert.match(String(error), /Cannot fetch blob \S+: its digest is sha256:[0-9a-f]{64}$/);
    assert(length < descriptor.size);
  }
  assert.deepEqual(sleeps, []);
});

Deno.test("wrong size: an error before the end of the stream, with and without Content-Length", async () => {
  await using registry = startRegistry();
  const descriptor = registry.addBlob(BLOB);
  const { client, ref } = clientOf(registry.origin);
  for (const size of [0, 1, BLOB.length - 1, BLOB.length + 1, 2 * BLOB.length]) {
    const { error, length } = await consume(client.openBlob(ref, { ...descriptor, size }));
    assert.match(String(error), /it has 1000000 bytes, its descriptor says \d+$/);
    assert.equal(length, 0);
  }
  for (const size of [0, 1, BLOB.length - 1]) {
    await using raw = startRawBlob((connection) => writeAll(connection, head(200, {}), BLOB));
    const there = parseReference(`${raw.origin}/app:1`);
    const { error, length } = await consume(client.openBlob(there, { ...descriptor, size }));
    assert.match(String(error), /longer than|its digest is/);
    assert(length <= size && (size === 0 || length < size));
  }
});

Deno.test("a blob and then more bytes: an error before the last chunk", async () => {
  for (const more of ["x", noise(1_000_000)]) {
    await using raw = startRawBlob(async (connection) => {
      await writeAll(connection, head(200, {}), BLOB, more);
    });
    const { client, ref } = clientOf(raw.origin);
    const { error, length } = await consume(client.openBlob(ref, DESCRIPTOR));
    assert.match(String(error), /it is longer than the 1000000 bytes expected/);
    assert(length < BLOB.length);
  }
});

Deno.test("a blob and then, later, more bytes: an error before the last chunk", async () => {
  const complete = Promise.withResolvers<void>();
  await using raw = startRawBlob(async (connection) => {
    await writeAll(connection, head(200, {}), BLOB);
    await complete.promise;
    await writeAll(connection, "x");
  });
  const { client, ref } = clientOf(raw.origin);
  let told = 0;
  const onBytes = (bytes: number) => {
    if ((told += bytes) === BLOB.length) complete.resolve();
  };
  const { error, length } = await consume(client.openBlob(ref, DESCRIPTOR, { onBytes }));
  assert.match(String(error), /it is longer than the 1000000 bytes expected/);
  assert(length < BLOB.length);
});

Deno.test("a connection that is lost after the last byte: not an error, and no second request", async () => {
  await using raw = startRawBlob(async (connection) => {
    const length = BLOB.length.toString(16);
    await writeAll(
      connection,
      head(200, { "transfer-encoding": "chunked" }),
      `${length}\r\n`,
      BLOB,
    );
  });
  const { client, ref } = clientOf(raw.origin);
  assert.deepEqual(await readAll(client.openBlob(ref, DESCRIPTOR)), BLOB);
  assert.equal(raw.requests.length, 1);
});

// --- Content-Encoding on blobs: never decoded by accident

Deno.test("Content-Encoding: identity is asked for, anything else refused", async () => {
  const encoded = gzipSync(BLOB);
  for (const encoding of ["gzip", "br", "x-unknown", "gzip, identity"]) {
    await using raw = startRawServer(async (connection) => {
      const headers = { "content-encoding": encoding, "content-length": encoded.length };
      await writeAll(connection, head(200, headers), encoded);
    });
    const { client, ref } = clientOf(raw.origin);
    for (const descriptor of [DESCRIPTOR, { ...DESCRIPTOR, size: encoded.length }]) {
      const { error, length } = await consume(client.openBlob(ref, descriptor));
      assert.match(String(error), /sent with Content-Encoding "/);
      assert.equal(length, 0);
    }
    assert.match((await registryErrorOf(client.fetchManifest(ref))).message, /Content-Encoding/);
    assert(raw.requests.every((request) => /^accept-encoding: identity\r$/im.test(request)));
    assert.equal(raw.requests.length, 3);
  }
});

Deno.test("Content-Encoding identity: accepted", async () => {
  await using raw = startRawBlob((connection) =>
    writeAll(connection, head(200, { "content-encoding": "identity" }), BLOB)
  );
  const { client, ref } = clientOf(raw.origin);
  assert.deepEqual(await readAll(client.openBlob(ref, DESCRIPTOR)), BLOB);
});

// --- wrong or missing Docker-Content-Digest: verified if present; GET and hash if not

/** A registry whose answers for manifests carry this header, or none. */
function startLiar(header: string | undefined, manifest = "{}") {
  return startRegistry({
    hook: ({ method }) =>
      new Response(method === "HEAD" ? null : manifest, {
        headers: header === undefined ? {} : { "docker-content-digest": header },
      }),
  });
}

Deno.test("missing Docker-Content-Digest: GET and hash", async () => {
  await using registry = startLiar(undefined);
  const { client, ref } = clientOf(registry.origin);
  const digest = digestOf(new TextEncoder().encode("{}"));
  assert.equal(await client.resolveDigest(ref), digest);
  assert.deepEqual(registry.log.map(({ method }) => method), ["HEAD", "GET"]);
  assert.equal((await client.fetchManifest(ref)).digest, digest);
});

Deno.test("wrong or malformed Docker-Content-Digest: rejected", async () => {
  const headers = [DESCRIPTOR.digest, "sha256:../../etc/passwd", `sha512:${"0".repeat(128)}`, "x"];
  for (const header of headers) {
    await using registry = startLiar(header);
    const { client, ref } = clientOf(registry.origin);
    const error = await registryErrorOf(client.fetchManifest(ref));
    assert.match(error.message, /its digest is sha256:[0-9a-f]{64}, the registry says "/);
    assert.equal(registry.log.length, 1);
  }
  await using registry = startLiar("sha256:../../etc/passwd");
  const { client, ref } = clientOf(registry.origin);
  assert.match((await registryErrorOf(client.resolveDigest(ref))).message, /the registry says/);
});

Deno.test("a manifest that is not what its pinned digest says: rejected, whatever the header says", async () => {
  for (const header of [DESCRIPTOR.digest, undefined]) {
    await using registry = startLiar(header);
    const { client, ref } = clientOf(registry.origin);
    const error = await registryErrorOf(
      client.fetchManifest(withDigest(ref, DESCRIPTOR.digest)),
    );
    assert.match(error.message, /Cannot fetch manifest \S+: its digest is sha256:[0-9a-f]{64}$/);
  }
});

// --- manifest > 4 MiB, token > 64 KiB: rejected

Deno.test("manifest of 4 MiB: accepted; one byte more: rejected, with and without Content-Length", async () => {
  await using registry = startRegistry();
  registry.putManifest("app", "1", noise(4 * 1024 * 1024));
  registry.putManifest("app", "2", noise(4 * 1024 * 1024 + 1));
  const { client, ref } = clientOf(registry.origin);
  assert.equal((await client.fetchManifest(ref)).bytes.length, 4 * 1024 * 1024);
  const error = await registryErrorOf(client.fetchManifest({ ...ref, tag: "2" }));
  assert.match(error.message, /larger than 4194304 bytes/);
  assert.equal(error.temporary, false);

  const endless = new Uint8Array(65_536);
  await using raw = startRawServer(async (connection) => {
    await writeAll(connection, head(200, {}));
    for (;;) await writeAll(connection, endless);
  });
  const there = parseReference(`${raw.origin}/app:1`);
  assert.match((await registryErrorOf(client.fetchManifest(there))).message, /larger than/);
});

Deno.test("token of more than 64 KiB: rejected", async () => {
  await using registry = startRegistry({ auth: { type: "bearer" } });
  registry.hook = ({ url }) =>
    url.includes("/token") ? Response.json({ token: "x".repeat(64 * 1024) }) : undefined;
  const { client, ref } = clientOf(registry.origin);
  const error = await registryErrorOf(client.fetchManifest(ref));
  assert.match(error.message, /Cannot get a token from \S+: larger than 65536 bytes/);
});

// --- name lookup fails at boot: temporary, so that whoever polls goes on for ever

Deno.test("name lookup fails: a temporary error, so that the next poll tries again", async () => {
  const { fetch } = recordingFetch(() => {
    throw new TypeError("fetch failed", {
      cause: new Error(
        "error sending request for url (https://registry.example/v2/?x=sesame): client error " +
          "(Connect): dns error: failed to lookup address information",
      ),
    });
  });
  const { client, ref, sleeps } = clientOf("https://registry.example", { fetch });
  const error = await registryErrorOf(client.resolveDigest(ref));
  assert.equal(
    error.message,
    "Cannot check manifest https://registry.example/v2/app/manifests/1: " +
      "client error (Connect): dns error: failed to lookup address information",
  );
  assert.equal(error.temporary, true);
  assert.equal(sleeps.length, 4);
});

// --- secrets: never in a log, an error, ps or the status socket

Deno.test("secrets: in no error and no inspected object, even if the registry repeats them", async () => {
  const secret = /hunter2|YW5uOmh1bnRlcjI|sesame/; // the second is "ann:hunter2" in base64
  for (const type of ["basic", "bearer"] as const) {
    await using registry = startRegistry({ auth: { type, ...CREDENTIALS } });
    registry.hook = ({ url, headers }) => {
      const authorization = headers.get("authorization");
      if (authorization === null) return undefined;
      if (url.includes("/token")) return Response.json({ token: "sesame" });
      const message = `no good: ${authorization}, ${atob("aHVudGVyMg==")}`;
      return Response.json({ errors: [{ code: "DENIED", message }] }, { status: 403 });
    };
    const { client, ref } = clientOf(registry.origin, { credentials: CREDENTIALS });
    const error = await registryErrorOf(client.fetchManifest(ref));
    assert.match(error.message, /403 DENIED \(no good: (Basic|Bearer) …, …\)/);
    registry.hook = ({ url }) =>
      url.includes("/token")
        ? Response.json({ details: "ann:hunter2 YW5uOmh1bnRlcjI=" }, { status: 401 })
        : undefined;
    registry.revokeTokens();
    const stranger = clientOf(registry.origin, { credentials: CREDENTIALS });
    const tokenError = await stranger.client.fetchManifest(ref).catch((error) => error);
    for (const thing of [error, client, tokenError]) {
      const options = { depth: 20, showHidden: true, getters: true };
      assert.doesNotMatch(Deno.inspect(thing, options) + JSON.stringify(thing), secret);
    }
  }
});
