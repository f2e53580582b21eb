import assert from "node:assert/strict";
import { parseReference, withDigest } from "../../src/registry/reference.ts";
import { RegistryClient } from "../../src/registry/registry_client.ts";
import { TokenCache } from "../../src/registry/token_cache.ts";
import { digestOf, type RegistryServer, startRegistry } from "../support/registry_server.ts";
import {
  consume,
  countingSignal,
  noise,
  readAll,
  recordingFetch,
  recordingRetry,
  registryErrorOf,
  startRawServer,
  writeAll,
} from "./fixtures.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CREDENTIALS = { username: "ann", password: "hunter2" };

function requestsOf(registry: RegistryServer): string[] {
  return registry.log.map(({ method, path, status }) => `${method} ${path} ${status}`);
}

Deno.test("resolveDigest asks with HEAD and takes the registry's word", async () => {
  await using registry = startRegistry();
  const digest = registry.putManifest("team/app", "1", { schemaVersion: 2 });
  const ref = parseReference(`${registry.origin}/team/app:1`);
  assert.equal(await new RegistryClient().resolveDigest(ref), digest);
  assert.deepEqual(requestsOf(registry), ["HEAD /v2/team/app/manifests/1 200"]);
});

Deno.test("resolveDigest sees a tag move", async () => {
  await using registry = startRegistry();
  const client = new RegistryClient();
  const ref = parseReference(`${registry.origin}/app:1`);
  const first = registry.putManifest("app", "1", { version: 1 });
  assert.equal(await client.resolveDigest(ref), first);
  const second = registry.putManifest("app", "1", { version: 2 });
  assert.equal(await client.resolveDigest(ref), second);
  assert.notEqual(first, second);
});

Deno.test("resolveDigest makes no request for a pinned reference", async () => {
  const { fetch, seen } = recordingFetch(() => new Response());
  const ref = withDigest(parseReference("nginx"), digestOf(noise(1)));
  assert.equal(await new RegistryClient({ fetch }).resolveDigest(ref), ref.digest);
  assert.equal(seen.length, 0);
});

Deno.test("resolveDigest and fetchManifest ask for the same kinds of manifest", async () => {
  await using registry = startRegistry();
  registry.putManifest("app", "1", {});
  const { fetch: recording, seen } = recordingFetch((url, init) => fetch(url, init));
  const client = new RegistryClient({ fetch: recording });
  const ref = parseReference(`${registry.origin}/app:1`);
  await client.resolveDigest(ref);
  await client.fetchManifest(ref);
  const [head, get] = seen.map(({ headers }) => headers.get("accept"));
  assert.equal(head, get);
  for (
    const type of [
      INDEX,
      MANIFEST,
      "distribution.manifest.list.v2+json",
      "distribution.manifest.v2+json",
    ]
  ) {
    assert(head?.includes(type), type);
  }
  assert.doesNotMatch(head ?? "", /prettyjws/); // schema 1
});

Deno.test("fetchManifest returns the bytes with their digest and media type", async () => {
  await using registry = startRegistry();
  const bytes = new TextEncoder().encode('{ "schemaVersion": 2 }\n');
  const digest = registry.putManifest("app", "1", bytes, `${INDEX.toUpperCase()}; charset=utf-8`);
  const ref = parseReference(`${registry.origin}/v2/app/manifests/1`);
  const client = new RegistryClient();
  const expected = { digest, mediaType: INDEX, bytes };
  assert.deepEqual(await client.fetchManifest(ref), expected);
  assert.deepEqual(await client.fetchManifest(withDigest(ref, digest)), expected);
  assert.equal(registry.log[1]?.path, `/v2/app/manifests/${digest}`);
});

Deno.test("a manifest that is not there is an error in the registry's words", async () => {
  await using registry = startRegistry();
  const { retry, sleeps } = recordingRetry();
  const client = new RegistryClient({ retry });
  const ref = parseReference(`${registry.origin}/app:1`);
  const error = await registryErrorOf(client.fetchManifest(ref));
  assert.equal(
    error.message,
    `Cannot fetch manifest ${registry.origin}/v2/app/manifests/1: 404 MANIFEST_UNKNOWN (manifest unknown)`,
  );
  assert.equal(error.code, "MANIFEST_UNKNOWN");
  const headError = await registryErrorOf(client.resolveDigest(ref));
  assert.equal(
    headError.message,
    `Cannot check manifest ${registry.origin}/v2/app/manifests/1: 404`,
  );
  assert.deepEqual(sleeps, []);
});

Deno.test("openBlob gives the bytes, and tells of them as they come", async () => {
  await using registry = startRegistry();
  const bytes = noise(3_000_000);
  const descriptor = registry.addBlob(bytes);
  const ref = parseReference(`${registry.origin}/app:1`);
  let told = 0;
  const stream = new RegistryClient().openBlob(ref, descriptor, { onBytes: (n) => told += n });
  assert.deepEqual(await readAll(stream), bytes);
  assert.equal(told, bytes.length);
  assert.deepEqual(requestsOf(registry), [`GET /v2/app/blobs/${descriptor.digest} 200`]);
});

Deno.test("openBlob gives an empty blob", async () => {
  await using registry = startRegistry();
  const ref = parseReference(`${registry.origin}/app:1`);
  const descriptor = registry.addBlob(new Uint8Array());
  assert.deepEqual(await consume(new RegistryClient().openBlob(ref, descriptor)), {
    length: 0,
    error: undefined,
  });
});

Deno.test("openBlob follows the registry to its storage, without credentials", async () => {
  await using storage = startRegistry();
  await using registry = startRegistry({ auth: { type: "basic", ...CREDENTIALS } });
  const bytes = noise(100_000);
  const descriptor = storage.addBlob(bytes);
  registry.hook = ({ url, headers }) =>
    url.includes("/blobs/") && headers.has("authorization")
      ? Response.redirect(`${storage.origin}${new URL(url).pathname}?signature=sesame`, 307)
      : undefined;
  const client = new RegistryClient({ credentials: CREDENTIALS });
  const ref = parseReference(`${registry.origin}/app:1`);
  assert.deepEqual(await readAll(client.openBlob(ref, descriptor)), bytes);
  assert.deepEqual(registry.log.map(({ status }) => status), [401, 307]);
  assert.deepEqual(storage.log.map(({ authorized }) => authorized), [false]);
});

Deno.test("openBlob refuses a malformed descriptor before it makes a request", () => {
  const { fetch, seen } = recordingFetch(() => new Response());
  const client = new RegistryClient({ fetch });
  const ref = parseReference("nginx");
  const good = { mediaType: "x", digest: digestOf(noise(1)), size: 1 };
  for (const size of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => client.openBlob(ref, { ...good, size }), TypeError);
  }
  for (const digest of ["sha256:../../x", "sha512:12", "sha256:12?x"]) {
    const bad = { ...good, digest: digest as `sha256:${string}` };
    assert.throws(() => client.openBlob(ref, bad), TypeError);
  }
  assert.equal(seen.length, 0);
});

Deno.test("openBlob lets go of everything when the stream is cancelled in the middle of a read", async () => {
  const disconnected = Promise.withResolvers<number | null>();
  await using server = startRawServer(async (connection) => {
    await writeAll(connection, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", noise(10));
    disconnected.resolve(await connection.read(new Uint8Array(1)));
  });
  const { signal, listeners } = countingSignal();
  const { retry, sleeps } = recordingRetry();
  const client = new RegistryClient({ retry });
  const ref = parseReference(`${server.origin}/app:1`);
  const descriptor = { mediaType: "x", digest: digestOf(noise(1_000)), size: 1_000 };
  const reader = client.openBlob(ref, descriptor, { signal }).getReader();
  assert.equal((await reader.read()).value?.length, 10);
  const waiting = reader.read();
  await reader.cancel();
  assert.equal((await waiting).done, true);
  assert.equal(await disconnected.promise, null);
  assert.equal(server.requests.length, 1);
  assert.deepEqual(sleeps, []);
  assert.equal(listeners.size, 0);
});

Deno.test("openBlob makes no further attempt when the stream is cancelled before one", async () => {
  await using registry = startRegistry({ hook: () => new Response(null, { status: 503 }) });
  const sleeping = Promise.withResolvers<AbortSignal | undefined>();
  const client = new RegistryClient({
    retry: {
      sleep: (_ms, signal) => {
        sleeping.resolve(signal);
        return new Promise<void>(() => {});
      },
    },
  });
  const ref = parseReference(`${registry.origin}/app:1`);
  const stream = client.openBlob(ref, { mediaType: "x", digest: digestOf(noise(1)), size: 1 });
  const signal = await sleeping.promise;
  assert.equal(signal?.aborted, false);
  await stream.cancel("enough");
  assert.equal(signal?.reason, "enough");
});

Deno.test("a call that is aborted does not wait for a token server that does not answer", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<undefined>();
  await using registry = startRegistry({
    auth: { type: "bearer" },
    hook: ({ url }) => {
      if (!url.includes("/token")) return undefined;
      asked.resolve();
      return answer.promise;
    },
  });
  const abort = new AbortController();
  const reason = new Error("enough");
  const ref = parseReference(`${registry.origin}/app:1`);
  const client = new RegistryClient({ retry: { attempts: 1 } });
  const call = client.resolveDigest(ref, { signal: abort.signal });
  await asked.promise;
  abort.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  answer.resolve(undefined);
});

Deno.test("openBlob ends with the reason of the signal, be it the call's or the client's", async () => {
  await using registry = startRegistry();
  const descriptor = registry.addBlob(noise(5_000_000));
  const ref = parseReference(`${registry.origin}/app:1`);
  for (const whose of ["call", "client"] as const) {
    registry.breakNextBlob({ kind: "stall", after: 100_000 });
    const abort = new AbortController();
    const reason = new Error("enough");
    const { signal } = abort;
    const client = new RegistryClient(whose === "client" ? { signal } : {});
    const stream = client.openBlob(ref, descriptor, {
      ...(whose === "call" && { signal }),
      onBytes: () => abort.abort(reason),
    });
    assert.equal((await consume(stream)).error, reason);
  }
  assert.equal(registry.log.length, 2);
});

Deno.test("a call that is aborted ends with the reason, also while it waits for the next attempt", async () => {
  await using registry = startRegistry({ hook: () => new Response(null, { status: 503 }) });
  const abort = new AbortController();
  const reason = new Error("enough");
  const { retry } = recordingRetry();
  const client = new RegistryClient({
    retry: {
      ...retry,
      sleep: (ms, signal) => {
        abort.abort(reason);
        return retry.sleep(ms, signal);
      },
    },
  });
  const ref = parseReference(`${registry.origin}/app:1`);
  const call = client.resolveDigest(ref, { signal: abort.signal });
  await assert.rejects(call, (error) => error === reason);
  assert.equal(registry.log.length, 1);
});

for (const type of ["basic", "bearer"] as const) {
  Deno.test(`a registry with ${type} authentication is asked once and then known`, async () => {
    await using registry = startRegistry({ auth: { type, ...CREDENTIALS } });
    const digest = registry.putManifest("app", "1", {});
    const descriptor = registry.addBlob(noise(1_000));
    const client = new RegistryClient({ credentials: CREDENTIALS });
    const ref = parseReference(`${registry.origin}/app:1`);
    assert.equal(await client.resolveDigest(ref), digest);
    await client.fetchManifest(ref);
    await readAll(client.openBlob(ref, descriptor));
    assert.deepEqual(
      registry.log.map(({ method, path, status }) => [method, path.split("?")[0], status]),
      [
        ["HEAD", "/v2/app/manifests/1", 401],
        ...(type === "bearer" ? [["GET", "/token", 200]] : []),
        ["HEAD", "/v2/app/manifests/1", 200],
        ["GET", "/v2/app/manifests/1", 200],
        ["GET", `/v2/app/blobs/${descriptor.digest}`, 200],
      ],
    );
    assert.equal(registry.log[0]?.authorized, false);
  });
}

Deno.test("a registry that gives tokens to anybody needs no credentials", async () => {
  await using registry = startRegistry({ auth: { type: "bearer" } });
  const digest = registry.putManifest("app", "1", {});
  const ref = parseReference(`${registry.origin}/app:1`);
  assert.equal(await new RegistryClient().resolveDigest(ref), digest);
  assert.deepEqual(registry.log.map(({ authorized }) => authorized), [false, false, true]);
});

Deno.test("clients with the same cache share tokens, but not with other credentials", async () => {
  await using registry = startRegistry({ auth: { type: "bearer", ...CREDENTIALS } });
  registry.putManifest("app", "1", {});
  const ref = parseReference(`${registry.origin}/app:1`);
  const tokens = new TokenCache();
  await new RegistryClient({ tokens, credentials: CREDENTIALS }).resolveDigest(ref);
  await new RegistryClient({ tokens, credentials: CREDENTIALS }).resolveDigest(ref);
  assert.equal(registry.log.length, 4);
  await registryErrorOf(new RegistryClient({ tokens }).resolveDigest(ref));
  assert.equal(registry.log[4]?.authorized, false);
});

Deno.test("a token is replaced when its time is over, before the registry says so", async () => {
  await using registry = startRegistry({ auth: { type: "bearer", tokenLife: 3_600 } });
  registry.putManifest("app", "1", {});
  let now = 0;
  const { retry } = recordingRetry(() => now);
  const client = new RegistryClient({ retry });
  const ref = parseReference(`${registry.origin}/app:1`);
  await client.resolveDigest(ref);
  now = 3_000_000;
  await client.resolveDigest(ref);
  assert.equal(registry.log.filter(({ path }) => path.startsWith("/token")).length, 1);
  now = 3_300_000;
  await client.resolveDigest(ref);
  assert.equal(registry.log.filter(({ path }) => path.startsWith("/token")).length, 2);
  assert(registry.log.at(-1)?.authorized);
});

Deno.test("a registry that wants authentication says clearly what is missing", async () => {
  const rows = [
    [
      "basic",
      undefined,
      /: 401 UNAUTHORIZED \(authentication required\); no credentials are config/,
    ],
    ["basic", { username: "ann", password: "wrong" }, /; the credentials were not accepted$/],
    [
      "bearer",
      undefined,
      /get a token from .*: 401 UNAUTHORIZED \(incorrect username or password\)$/,
    ],
    ["bearer", { username: "ann", password: "wrong" }, /get a token from .*: 401 UNAUTHORIZED/],
  ] as const;
  for (const [type, credentials, message] of rows) {
    await using registry = startRegistry({ auth: { type, ...CREDENTIALS } });
    const client = new RegistryClient({ credentials });
    const ref = parseReference(`${registry.origin}/app:1`);
    const error = await registryErrorOf(client.fetchManifest(ref));
    assert.match(error.message, message);
    assert.equal(error.status, 401);
    assert.equal(error.temporary, false);
  }
});

Deno.test("a challenge that nobody can meet is a clear error", async () => {
  for (const challenge of ["Negotiate", "", "@@@", 'Digest realm="x"']) {
    await using registry = startRegistry({
      hook: () => new Response(null, { status: 401, headers: { "www-authenticate": challenge } }),
    });
    const client = new RegistryClient({ credentials: CREDENTIALS });
    const ref = parseReference(`${registry.origin}/app:1`);
    const error = await registryErrorOf(client.fetchManifest(ref));
    assert.match(error.message, /: 401; it asks for neither Bearer nor Basic$/);
    assert.deepEqual(registry.log.map(({ authorized }) => authorized), [false]);
  }
});
