import assert from "node:assert/strict";
import { type Authorization, type Purpose, TokenCache } from "../../src/registry/token_cache.ts";

const PURPOSE: Purpose = {
  registry: "https://registry.example",
  scope: "repository:app:pull",
  credentials: { username: "ann", password: "hunter2" },
};

function issuing(header: string, expiresAt = 1_000): () => Promise<Authorization> {
  return () => Promise.resolve({ header, expiresAt });
}

Deno.test("TokenCache returns an authorization until it expires", async () => {
  const cache = new TokenCache();
  assert.equal(cache.get(PURPOSE, 0), undefined);
  assert.equal(await cache.renew(PURPOSE, undefined, issuing("Bearer a")), "Bearer a");
  assert.equal(cache.get(PURPOSE, 999), "Bearer a");
  assert.equal(cache.get(PURPOSE, 1_000), undefined);
});

Deno.test("TokenCache keeps registries, scopes and credentials apart", async () => {
  const cache = new TokenCache();
  await cache.renew(PURPOSE, undefined, issuing("Bearer a"));
  const others: readonly Purpose[] = [
    { ...PURPOSE, registry: "http://registry.example" },
    { ...PURPOSE, scope: "repository:other:pull" },
    { ...PURPOSE, credentials: undefined },
    { ...PURPOSE, credentials: { username: "ann", password: "hunter3" } },
    { ...PURPOSE, credentials: { username: "bob", password: "hunter2" } },
  ];
  for (const other of others) assert.equal(cache.get(other, 0), undefined);
  assert.equal(cache.get({ ...PURPOSE }, 0), "Bearer a");
});

Deno.test("TokenCache gets one authorization for all who need it at the same time", async () => {
  const cache = new TokenCache();
  await cache.renew(PURPOSE, undefined, issuing("Bearer old"));
  let issued = 0;
  const issue = () => Promise.resolve({ header: `Bearer new${++issued}`, expiresAt: 1_000 });
  const headers = await Promise.all(
    [1, 2, 3].map(() => cache.renew(PURPOSE, "Bearer old", issue)),
  );
  assert.deepEqual(headers, ["Bearer new1", "Bearer new1", "Bearer new1"]);
  // One whose request with the old one was under way all the time comes too late to need another.
  assert.equal(await cache.renew(PURPOSE, "Bearer old", issue), "Bearer new1");
  assert.equal(await cache.renew(PURPOSE, "Bearer new1", issue), "Bearer new2");
});

Deno.test("TokenCache asks again after a failure", async () => {
  const cache = new TokenCache();
  const failure = new Error("no");
  await assert.rejects(
    cache.renew(PURPOSE, undefined, () => Promise.reject(failure)),
    (error) => error === failure,
  );
  assert.equal(await cache.renew(PURPOSE, undefined, issuing("Bearer a")), "Bearer a");
});

Deno.test("TokenCache shows nothing of what it holds", async () => {
  const cache = new TokenCache();
  await cache.renew(PURPOSE, undefined, issuing("Bearer sesame"));
  const shown = Deno.inspect(cache, { depth: 10, showHidden: true }) + JSON.stringify(cache);
  assert.doesNotMatch(shown, /sesame|hunter2/);
});
