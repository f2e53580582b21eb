import assert from "node:assert/strict";
import { AwsAccess } from "../../../src/aws/aws_access.ts";
import { InstanceMetadata } from "../../../src/aws/instance_metadata.ts";
import { RoleCredentials } from "../../../src/aws/role_credentials.ts";
import { loadPrimary } from "../../../src/config/source/load_primary.ts";
import { primarySource } from "../../../src/config/source/primary_source.ts";
import { urlSource } from "../../../src/config/source/url_source.ts";

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

const metadata = new InstanceMetadata({ endpoint: "http://127.0.0.1:1" });
const services = { metadata, aws: new AwsAccess(new RoleCredentials(metadata)) };

const direct: readonly [option: string | undefined, environment: Record<string, string>][] = [
  ["http://h/a", {}],
  ["http://h/a", { FL_URL: "http://h/b", FL_META_CONFIG: "http://h/m", FL_ENV: "ec2" }],
  [undefined, { FL_URL: "http://h/a", FL_META_CONFIG: "http://h/m", FL_ENV: "ec2" }],
  ["", { FL_URL: "http://h/a" }],
];

for (const [option, environment] of direct) {
  Deno.test(`-c ${option} with ${JSON.stringify(environment)} names http://h/a`, async () => {
    const { fetch, asked } = fetchFrom({ "http://h/a": "{}" });
    const found = primarySource(option, environment, { ...services, fetch });
    assert.equal(found.source.description, "http://h/a");
    assert.equal(found.isInEc2, "FL_ENV" in environment);
    assert.equal(found.needsUserData, false);
    assert.equal(await found.source.load(), "{}");
    assert.deepEqual(asked, ["http://h/a"]);
  });
}

Deno.test("FL_META_CONFIG wins over FL_ENV, which is on the command line of an image for EC2", () => {
  const environment = { FL_META_CONFIG: "http://h/m", FL_ENV: "ec2" };
  const { source, isInEc2, needsUserData } = primarySource(undefined, environment, services);
  assert.equal(source.description, "named by http://h/m");
  assert(isInEc2 && !needsUserData);
});

Deno.test("FL_ENV=ec2 alone asks for the user data", () => {
  const found = primarySource(undefined, { FL_ENV: "ec2" }, services);
  assert.equal(found.source.description, "named by EC2 user data");
  assert(found.isInEc2 && found.needsUserData);
});

Deno.test("the description shows neither credentials nor query", () => {
  const describe = (option: string | undefined, environment: Record<string, string>) =>
    primarySource(option, environment, services).source.description;
  assert.equal(describe("http://u:p@h/a?b", {}), "http://h/a");
  assert.equal(describe(undefined, { FL_META_CONFIG: "http://u:p@h/a?b" }), "named by http://h/a");
});

Deno.test("a meta configuration is read once, as soon as that works", async () => {
  const texts: Record<string, string> = { "http://h/p": '{"checkInterval": 5}' };
  const { fetch, asked } = fetchFrom(texts);
  const environment = { FL_META_CONFIG: "http://h/m" };
  const { source } = primarySource(undefined, environment, { ...services, fetch });
  await assert.rejects(loadPrimary(source), /"http:\/\/h\/m".*status 404$/);

  texts["http://h/m"] = '{"url": "http://h/p"}';
  assert.equal((await loadPrimary(source)).settings.checkInterval, 5);
  assert.equal((await loadPrimary(source)).settings.checkInterval, 5);
  assert.deepEqual(asked, ["http://h/m", "http://h/m", "http://h/p", "http://h/p"]);
  assert.equal(source.description, "http://h/p, named by http://h/m");
});

Deno.test("the digest is that of the text", async () => {
  const { fetch } = fetchFrom({ "http://h/p": "{}" });
  const { digest } = await loadPrimary(urlSource("http://h/p", { fetch }));
  assert.equal(digest, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
});

Deno.test("a wrong meta configuration is told by its own name", async () => {
  const { fetch } = fetchFrom({ "http://h/m?a": '{"ulr": 1}' });
  const environment = { FL_META_CONFIG: "http://h/m?a" };
  const { source } = primarySource(undefined, environment, { ...services, fetch });
  await assert.rejects(source.load(), {
    name: "ConfigurationError",
    message: 'http://h/m:1:2: ulr: unknown key, did you mean "url"?',
  });
});

Deno.test("a wrong primary configuration is told by its own name", async () => {
  const { fetch } = fetchFrom({ "http://h/p?a": "[]" });
  await assert.rejects(loadPrimary(urlSource("http://h/p?a", { fetch })), {
    name: "ConfigurationError",
    message: "http://h/p:1:1: expected an object, found an empty list",
  });
});

for (const environment of [{}, { FL_URL: "", FL_META_CONFIG: "", FL_ENV: "" }]) {
  Deno.test(`with ${JSON.stringify(environment)} every way to name a configuration is told`, () => {
    assert.throws(() => primarySource(undefined, environment, services), (error) => {
      assert.ok(error instanceof Error);
      assert.equal(error.name, "UsageError");
      for (const way of ["-c URL", "FL_URL", "FL_META_CONFIG", "FL_ENV=ec2"]) {
        assert.ok(error.message.includes(way));
      }
      return true;
    });
  });
}

for (const option of [undefined, "/etc/a.jsonc"]) {
  Deno.test(`a place that FL_ENV cannot mean is refused, with -c ${option}`, () => {
    assert.throws(() => primarySource(option, { FL_ENV: "gcp" }, services), {
      name: "UsageError",
      message: 'Cannot tell where this machine is: FL_ENV is "gcp", expected "ec2"',
    });
  });
}
