import assert from "node:assert/strict";
import { type Exchange, Transport } from "../../src/registry/transport.ts";
import {
  countingSignal,
  recordingFetch,
  redirect,
  registryErrorOf,
  respond,
  startRawServer,
  writeAll,
} from "./fixtures.ts";
import { freePort } from "../support/free_port.ts";

const SECRET = "Bearer sesame";
const START = "https://registry.example/v2/app/blobs/x";

function exchange(url: string, extra: Partial<Exchange> = {}): Exchange {
  return { action: "fetch blob", method: "GET", url: new URL(url), ...extra };
}

function transport(fetch: typeof globalThis.fetch, headersTimeout = 30_000): Transport {
  return new Transport({ fetch, headersTimeout, minimumRate: { bytes: 1, window: 30_000 } });
}

/** A fetch for a chain of redirects: each location is the next one's answer, and the last URL answers 200. */
function chain(locations: readonly string[]) {
  let hop = 0;
  return recordingFetch(() => {
    const location = locations[hop++];
    return location === undefined ? respond("here") : redirect(location);
  });
}

// redirects, one after the other, and whether each URL is given the Authorization header
const REDIRECTS: readonly (readonly [name: string, locations: string[], authorized: boolean[]])[] =
  [
    ["the same origin", ["/x"], [true, true]],
    ["the same origin by its full name", ["https://registry.example:443/x"], [true, true]],
    ["another host", ["https://storage.example/x"], [true, false]],
    ["a subdomain", ["https://cdn.registry.example/x"], [true, false]],
    ["another port", ["https://registry.example:8443/x"], [true, false]],
    ["a host without a scheme", ["//storage.example/x"], [true, false]],
    ["another host and back (CVE-2024-45336)", ["https://s.example/x", START], [
      true,
      false,
      false,
    ]],
    [
      "another host and on within it",
      ["https://s.example/x", "/y", "/z"],
      [true, false, false, false],
    ],
  ];

for (const [name, locations, authorized] of REDIRECTS) {
  Deno.test(`Transport sends Authorization on a redirect to ${name} as far as it may`, async () => {
    const { fetch, seen } = chain(locations);
    const answer = await transport(fetch).send(exchange(START, { authorization: SECRET }));
    assert.equal(new TextDecoder().decode(await answer.body.readAll(100)), "here");
    assert.deepEqual(seen.map((request) => request.authorization === SECRET), authorized);
    assert(seen.every(({ authorization }) => authorization === SECRET || authorization === null));
    assert.equal(answer.url.href, seen.at(-1)?.url);
  });
}

Deno.test("Transport does not send Authorization from http to https of the same host", async () => {
  const { fetch, seen } = chain(["https://registry.example/x"]);
  const start = exchange("http://registry.example/x", { authorization: SECRET });
  await (await transport(fetch).send(start)).body.discard();
  assert.deepEqual(seen.map(({ authorization }) => authorization), [SECRET, null]);
});

const REFUSED: readonly (readonly [name: string, location: string, why: RegExp])[] = [
  ["from https to http", "http://registry.example/x", /redirected from https to http:\/\/registry/],
  ["to a file", "file:///etc/passwd", /not a plain http/],
  ["to data", "data:text/plain,x", /not a plain http/],
  ["to nowhere", "https://", /not a plain http/],
  ["with user information", "https://user:sesame@registry.example/x", /not a plain http/],
];

for (const [name, location, why] of REFUSED) {
  Deno.test(`Transport refuses a redirect ${name}`, async () => {
    const { fetch, seen } = chain([location]);
    const error = await registryErrorOf(transport(fetch).send(exchange(START)));
    assert.match(error.message, why);
    assert.doesNotMatch(Deno.inspect(error), /sesame/);
    assert.equal(error.temporary, false);
    assert.equal(seen.length, 1);
  });
}

Deno.test("Transport refuses http after https, even if it began with http", async () => {
  const { fetch } = chain(["https://registry.example/x", "http://registry.example/x"]);
  const error = await registryErrorOf(transport(fetch).send(exchange("http://registry.example/")));
  assert.match(error.message, /redirected from https to http/);
});

Deno.test("Transport follows ten redirects and not eleven", async () => {
  const ten = Array.from({ length: 10 }, (_, i) => `/${i}`);
  const { fetch, seen } = chain(ten);
  const answer = await transport(fetch).send(exchange(START));
  await answer.body.discard();
  assert.equal(answer.status, 200);
  assert.equal(seen.length, 11);

  const error = await registryErrorOf(
    transport(chain([...ten, "/10"]).fetch).send(exchange(START)),
  );
  assert.match(error.message, /more than 10 redirects/);
  assert.equal(error.temporary, false);
});

Deno.test("Transport keeps the method and the other headers on a redirect", async () => {
  const { fetch, seen } = chain(["https://storage.example/x"]);
  const head = exchange(START, { method: "HEAD", headers: { range: "bytes=5-" } });
  await (await transport(fetch).send(head)).body.discard();
  for (const request of seen) {
    assert.equal(request.method, "HEAD");
    assert.equal(request.headers.get("range"), "bytes=5-");
    assert.equal(request.headers.get("accept-encoding"), "identity");
  }
});

Deno.test("Transport gives up on a server that does not answer", async () => {
  await using server = startRawServer((connection) => connection.read(new Uint8Array(1)));
  const error = await registryErrorOf(transport(fetch, 50).send(exchange(`${server.origin}/x`)));
  assert.match(error.message, /no answer within 0\.05 s/);
  assert.equal(error.temporary, true);
});

Deno.test("Transport throws the reason of an aborted signal, not an error of its own", async () => {
  await using server = startRawServer((connection) => connection.read(new Uint8Array(1)));
  const abort = new AbortController();
  const reason = new Error("enough");
  const sent = transport(fetch).send(exchange(`${server.origin}/x`, { signal: abort.signal }));
  abort.abort(reason);
  await assert.rejects(sent, (error) => error === reason);
  await assert.rejects(
    transport(fetch).send(exchange(`${server.origin}/x`, { signal: abort.signal })),
    (error) => error === reason,
  );
});

Deno.test("Transport makes temporary errors of what breaks in the network, without the query", async () => {
  await using silent = startRawServer(() => Promise.resolve());
  await using rude = startRawServer((connection) => writeAll(connection, "what?\r\n\r\n"));
  const closed = `http://127.0.0.1:${freePort()}`;

  for (const origin of [silent.origin, rude.origin, closed]) {
    const error = await registryErrorOf(
      transport(fetch).send(exchange(`${origin}/v2/app/blobs/x?signature=sesame`)),
    );
    assert.equal(error.temporary, true);
    assert.equal(error.status, undefined);
    assert.equal(error.url, `${origin}/v2/app/blobs/x`);
    assert.match(
      error.message,
      /^Cannot fetch blob http:\/\/127\S+\/v2\/app\/blobs\/x: client error/,
    );
    assert.doesNotMatch(Deno.inspect(error), /sesame/);
  }
});

Deno.test({
  name: "Transport leaves no timer, no connection and no listener, however a body ends",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using server = startRawServer(async (connection) => {
      await writeAll(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n12345",
      );
      await connection.read(new Uint8Array(1));
    });
    const { signal, listeners } = countingSignal();
    const sender = transport(fetch);
    const url = `${server.origin}/x`;
    const open = () => sender.send(exchange(url, { signal }));

    const cancelled = await open();
    assert.equal(listeners.size, 1);
    assert.equal((await cancelled.body.read())?.length, 5);
    await cancelled.body.cancel();
    assert.equal(listeners.size, 0);

    const unread = await open();
    await unread.body.cancel();
    const tooLong = await open();
    await registryErrorOf(tooLong.body.readAll(4));
    assert.equal(listeners.size, 0);

    const { fetch: recording } = recordingFetch(() => respond("12345"));
    const whole = await transport(recording).send(exchange(url, { signal }));
    assert.equal((await whole.body.readAll(5)).length, 5);
    const head = await transport(recording).send(exchange(url, { signal, method: "HEAD" }));
    await head.body.discard();
    await registryErrorOf(
      transport(() => Promise.reject(new TypeError("x"))).send(
        exchange(url, { signal }),
      ),
    );
    assert.equal(listeners.size, 0);
  },
});
