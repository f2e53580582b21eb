import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { AwsServer } from "../support/aws_server.ts";
import { commandText, runCommand } from "../support/command.ts";
import { freePort } from "../support/free_port.ts";
import { eventually } from "../support/frontloader.ts";
import { runFrontloader } from "../support/frontloader_command.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { ProcessWatch } from "../support/machine_facts.ts";
import { MetadataServer } from "../support/metadata_server.ts";
import { startRegistry } from "../support/registry_server.ts";

/** The machine of the tests keeps its host name. */
const OWN_HOST_NAME = ["unshare", "--uts"];

function environment(metadata: MetadataServer, aws?: AwsServer): Record<string, string> {
  return {
    FL_ENV: "ec2",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.endpoint,
    ...aws !== undefined && { AWS_ENDPOINT_URL: aws.endpoint },
  };
}

Deno.test("from EC2's user data to a secret to a container, and to another one when the secret changes", async () => {
  await using metadata = new MetadataServer();
  await using aws = new AwsServer(metadata.roles);
  await using fixture = new FrontloaderFixture();
  const report = '"$FL_INSTANCE_ID $FL_ZONE $FL_IPV4 $FL_IPV6 $(hostname) version $VERSION"';
  await fixture.push("web", untilTerm("ready").replace('"ready"', report));
  const secretOf = (version: number, more = {}) =>
    JSON.stringify({
      container: {
        id: "web",
        manifest: fixture.image("web"),
        environment: { VERSION: version, API_KEY: "hunter2-key" },
        ...more,
      },
    });
  metadata.describeInstance();
  const role = metadata.addRole("web");
  metadata.contents.set(
    "user-data",
    '{ "type": "aws-sm", "secretId": "shop/fl", "region": "eu-west-1" }',
  );
  aws.secrets.set("shop/fl", secretOf(1));

  const frontloader = fixture.start(environment(metadata, aws), {
    args: [],
    prefix: OWN_HOST_NAME,
  });
  await using watch = new ProcessWatch(frontloader.pid);
  const facts = "i-0123456789abcdef0 eu-west-1a 10\\.0\\.0\\.7 2001:db8::7 i-0123456789abcdef0";
  await frontloader.waitForLine(new RegExp(` web\\| ${facts}\\.eu-west-1a version 1$`));
  const { configuration } = await frontloader.askStatus();
  assert.equal(configuration.source, 'secret "shop/fl" in eu-west-1, named by EC2 user data');
  const hash = createHash("sha256").update(secretOf(1)).digest("hex");
  assert.equal(configuration.digest, `sha256:${hash}`);

  aws.secrets.set("shop/fl", secretOf(2));
  Deno.kill(frontloader.pid, "SIGHUP");
  await frontloader.waitForLine(/ web\| .* version 2$/);
  await frontloader.waitForLine(/ web: Instance 1 ended: exit status 0/);

  // Whatever happens to the source now, what runs goes on.
  const [before] = (await containerStatus(frontloader, "web")).instances;
  for (
    const [breakIt, pattern] of [
      [() => aws.secrets.set("shop/fl", secretOf(3, { nonsense: 1 })), /nonsense: unknown key/],
      [() => aws.denied.add("web"), /As role "web": AccessDeniedException/],
      [() => metadata.roles.clear(), /no IAM role/],
    ] as const
  ) {
    breakIt();
    Deno.kill(frontloader.pid, "SIGHUP");
    await eventually("the error is in the status", async () => {
      const { lastError, digest } = (await frontloader.askStatus()).configuration;
      assert.notEqual(digest, configuration.digest);
      return lastError !== undefined && pattern.test(lastError.message) || undefined;
    });
  }
  const [after] = (await containerStatus(frontloader, "web")).instances;
  assert.deepEqual(after, before);

  const shown = [
    ...frontloader.lines,
    await frontloader.ask("status", "--json"),
    await frontloader.ask("status"),
  ];
  for (const text of shown) assert(!text.includes("hunter2"), text);
  // The container's own environment is among these.
  for (const text of watch.texts) {
    for (const secret of [role.secretAccessKey, role.token]) assert(!text.includes(secret), text);
  }
  await frontloader.stop();
  await fixture.assertNothingLeft();
});

Deno.test("a machine whose network comes up late gets there by itself", async () => {
  const port = freePort();
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("ready on $(hostname)"));
  fixture.configure({ container: { id: "web", manifest: fixture.image("web") } });
  const frontloader = fixture.start({
    FL_ENV: "ec2",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}`,
  }, { args: [], prefix: OWN_HOST_NAME });
  await frontloader.waitForLine(/Cannot get a session token from the EC2 metadata service: /);
  await frontloader.waitForLine(/nothing runs until it is good/);
  await using metadata = new MetadataServer({ port });
  metadata.describeInstance();
  metadata.contents.set("user-data", JSON.stringify({ url: fixture.configurationFile }));
  await frontloader.waitForLine(/ web\| ready on i-0123456789abcdef0\.eu-west-1a$/);
});

Deno.test("-c wins over the user data, and the machine is named nevertheless", async () => {
  await using metadata = new MetadataServer();
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("ready on $(hostname) in $FL_ZONE"));
  fixture.configure({ container: { id: "web", manifest: fixture.image("web") } });
  metadata.describeInstance();
  metadata.contents.set("user-data", '{ "url": "/nonexistent" }');
  const frontloader = fixture.start(environment(metadata), { prefix: OWN_HOST_NAME });
  await frontloader.waitForLine(
    / web\| ready on i-0123456789abcdef0\.eu-west-1a in eu-west-1a$/,
  );
  assert(!metadata.requests.some((request) => request.includes("user-data")));
});

Deno.test("a registry of Amazon ECR: the machine gets the token itself, and a new one when it is refused", async () => {
  await using metadata = new MetadataServer();
  await using aws = new AwsServer(metadata.roles);
  const password = () => aws.registryPassword;
  const auth = () => ({ type: "basic", username: "AWS", password: password() } as const);
  await using fixture = new FrontloaderFixture(startRegistry({ auth: auth() }));
  await fixture.push("web", untilTerm("version 1"));
  metadata.describeInstance();
  metadata.addRole("other");
  metadata.addRole("puller");
  aws.denied.add("other");
  fixture.configure({
    docker: { type: "ecr", region: "eu-west-1" },
    container: { id: "web", manifest: fixture.image("web") },
  });
  const frontloader = fixture.start(environment(metadata, aws), { prefix: OWN_HOST_NAME });
  await using watch = new ProcessWatch(frontloader.pid);
  await frontloader.waitForLine(/ web\| version 1$/);

  const first = password();
  aws.registryPassword = "another-password-hunter2";
  fixture.registry.auth = auth();
  await fixture.push("web", untilTerm("version 2"));
  assert.match(await frontloader.ask("update"), /^web: a new release/);
  await frontloader.waitForLine(/ web\| version 2$/);
  assert.deepEqual(aws.requests, Array(2).fill("puller eu-west-1 ecr GetAuthorizationToken"));

  const shown = [...frontloader.lines, await frontloader.ask("status", "--json"), ...watch.texts];
  for (const secret of [first, password(), btoa(`AWS:${first}`), btoa(`AWS:${password()}`)]) {
    for (const text of shown) assert(!text.includes(secret), text);
  }
});

Deno.test("check --resolve follows the user data to the secret and checks that", async () => {
  await using metadata = new MetadataServer();
  await using aws = new AwsServer(metadata.roles);
  metadata.addRole("web");
  metadata.contents.set(
    "user-data",
    '{ "type": "aws-sm", "secretId": "shop/fl", "region": "eu-west-1" }',
  );
  aws.secrets.set("shop/fl", '{ "container": { "manifest": "nginx" } }');
  const check = () => runFrontloader(["check", "--resolve"], { env: environment(metadata, aws) });
  const source = 'secret "shop/fl" in eu-west-1, named by EC2 user data';
  const good = await check();
  assert.equal(good.code, 0, good.stderr);
  assert.equal(good.stdout, `${source}: valid primary configuration, 1 container\n`);
  aws.secrets.set("shop/fl", '{ "container": { "manifest": "nginx", "uid": "hunter" } }');
  const bad = await check();
  assert.equal(bad.code, 1);
  assert.match(
    bad.stderr,
    /^secret "shop\/fl" in .*:1:46: container\.uid: expected a whole number/,
  );
});

Deno.test("with nothing that says where the configuration is, run lists the ways and ends with status 2", async () => {
  const { code, stderr } = await runFrontloader(["run"]);
  assert.equal(code, 2);
  for (const way of ["-c URL", "FL_URL=URL", "FL_META_CONFIG=URL", "FL_ENV=ec2"]) {
    assert(stderr.includes(way), stderr);
  }
});

Deno.test("the same holds for the init of a container, which somebody else watches; the machine's own goes on (tests/boot)", async () => {
  await using fixture = new FrontloaderFixture();
  const frontloader = fixture.start({}, {
    args: [],
    prefix: ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
  });
  const { code } = await frontloader.status;
  assert.equal(code, 2);
  assert(frontloader.lines.some((line) => line.includes("FL_META_CONFIG=URL")));
});

/** The modules that each of `starts` loads before it runs. */
async function staticGraph(...starts: string[]): Promise<Set<string>> {
  const seen = new Set<string>();
  for (const start of starts) {
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", start] })
      .output();
    const graph: ModuleGraph = JSON.parse(new TextDecoder().decode(stdout));
    const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
    const visit = (specifier: string) => {
      if (seen.has(specifier)) return;
      seen.add(specifier);
      for (const { code, isDynamic } of modules.get(specifier)?.dependencies ?? []) {
        if (code?.specifier !== undefined && !isDynamic) visit(code.specifier);
      }
    };
    visit(graph.roots[0]!);
  }
  return seen;
}

const ROOT = new URL("../..", import.meta.url).pathname;
const isSdk = (specifier: string) => /@aws-sdk|@smithy/.test(specifier);

Deno.test("nothing of AWS's SDK is loaded before it is needed", async () => {
  const faces = Array.from(Deno.readDirSync(`${ROOT}/src/cli`), ({ name }) => name);
  const seen = await staticGraph(...faces.map((name) => `${ROOT}/src/cli/${name}`));
  assert(seen.size > 100, `${seen.size}`);
  assert.deepEqual([...seen].filter(isSdk), []);
  assert([...await staticGraph(`${ROOT}/src/aws/sdk.ts`)].some(isSdk), "the test would see it");
});

Deno.test("the bundle can read all that the sources can, and starts without the SDK", async () => {
  await runCommand([`${ROOT}/build.sh`, "bundle"]);
  const seen = await staticGraph(`${ROOT}/dist/main.js`);
  // The bundler's helper for CommonJS, which the SDK needs, loads it.
  assert.deepEqual([...seen].filter((specifier) => specifier === "node:module"), []);

  await using metadata = new MetadataServer();
  await using aws = new AwsServer(metadata.roles);
  metadata.addRole("web");
  aws.secrets.set("shop/fl", "{}");
  aws.parameters.set("shop/fl", "{}");
  aws.objects.set("abc/shop/fl", "{}");
  for (
    const meta of [
      { type: "aws-sm", secretId: "shop/fl", region: "eu-west-1" },
      { type: "aws-ssm", name: "shop/fl", region: "eu-west-1" },
      { type: "aws-s3", bucket: "abc", key: "shop/fl", region: "eu-west-1" },
    ]
  ) {
    metadata.contents.set("user-data", JSON.stringify(meta));
    const output = await commandText(
      [
        Deno.execPath(),
        ...["run", "--allow-all", "--no-config", "--no-lock", "--cached-only"],
        `${ROOT}/dist/main.js`,
        ...["check", "--resolve"],
      ],
      { env: environment(metadata, aws) },
    );
    assert.match(output, /: valid primary configuration, 0 containers$/m);
  }
});

interface ModuleGraph {
  readonly roots: readonly string[];
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
}
