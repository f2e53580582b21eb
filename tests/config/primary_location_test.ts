import assert from "node:assert/strict";
import { loadPrimary } from "../../src/config/load_primary.ts";
import { primaryLocation } from "../../src/config/primary_location.ts";

/** A fetch that answers from a table, and notes what it was asked for. */
function fetchFrom(texts: Record<string, string>) {
  const asked: string[] = [];
  const fetch = (url: string | URL | Request) => {
    asked.push(`${url}`);
    const text = texts[`${url}`];
    return Promise.resolve(new Response(text, { status: text === undefined ? 404 : 200 }));
  };
  return { fetch, asked };
}

const direct: readonly [option: string | undefined, environment: Record<string, string>][] = [
  ["http://h/a", {}],
  ["http://h/a", { FL_URL: "http://h/b", FL_META_CONFIG: "http://h/m", FL_ENV: "ec2" }],
  [undefined, { FL_URL: "http://h/a", FL_META_CONFIG: "http://h/m", FL_ENV: "ec2" }],
  ["", { FL_URL: "http://h/a" }],
];

for (const [option, environment] of direct) {
  Deno.test(`-c ${option} with ${JSON.stringify(environment)} names http://h/a`, async () => {
    const location = primaryLocation(option, environment);
    assert.equal(location.description, "http://h/a");
    assert.equal(await location.resolve(), "http://h/a");
  });
}

Deno.test("the description shows neither credentials nor query", () => {
  assert.equal(primaryLocation("http://u:p@h/a?b", {}).description, "http://h/a");
  assert.equal(
    primaryLocation(undefined, { FL_META_CONFIG: "http://u:p@h/a?b" }).description,
    "named by http://h/a",
  );
});

Deno.test("a meta configuration is read once, as soon as that works", async () => {
  const { fetch, asked } = fetchFrom({ "http://h/p": '{"checkInterval": 5}' });
  const location = primaryLocation(undefined, { FL_META_CONFIG: "http://h/m" });
  await assert.rejects(loadPrimary(location, { fetch }), /"http:\/\/h\/m".*status 404$/);

  const texts = { "http://h/m": '{"url": "http://h/p"}', "http://h/p": '{"checkInterval": 5}' };
  const second = fetchFrom(texts);
  assert.equal((await loadPrimary(location, second)).checkInterval, 5);
  assert.equal((await loadPrimary(location, second)).checkInterval, 5);
  assert.deepEqual(asked, ["http://h/m"]);
  assert.deepEqual(second.asked, ["http://h/m", "http://h/p", "http://h/p"]);
});

Deno.test("a wrong meta configuration is told by its own name", async () => {
  const { fetch } = fetchFrom({ "http://h/m?a": '{"ulr": 1}' });
  const location = primaryLocation(undefined, { FL_META_CONFIG: "http://h/m?a" });
  await assert.rejects(location.resolve({ fetch }), {
    name: "ConfigurationError",
    message: 'http://h/m:1:2: ulr: unknown key, did you mean "url"?',
  });
});

Deno.test("a wrong primary configuration is told by its own name", async () => {
  const { fetch } = fetchFrom({ "http://h/p?a": "[]" });
  await assert.rejects(loadPrimary("http://h/p?a", { fetch }), {
    name: "ConfigurationError",
    message: "http://h/p:1:1: expected an object, found an empty list",
  });
});

for (const environment of [{}, { FL_URL: "", FL_META_CONFIG: "" }]) {
  Deno.test(`with ${JSON.stringify(environment)} every way to name a configuration is told`, () => {
    assert.throws(() => primaryLocation(undefined, environment), (error) => {
      assert.ok(error instanceof Error);
      assert.equal(error.name, "UsageError");
      for (const way of ["-c URL", "FL_URL", "FL_META_CONFIG"]) {
        assert.ok(error.message.includes(way));
      }
      return true;
    });
  });
}

Deno.test("FL_ENV is refused as long as it is not supported", () => {
  assert.throws(() => primaryLocation(undefined, { FL_ENV: "ec2" }), {
    name: "UsageError",
    message: "Cannot find the configuration: FL_ENV is not supported yet",
  });
});
