import assert from "node:assert/strict";
import { AwsAccess } from "../../src/aws/aws_access.ts";
import { EcrTokens } from "../../src/aws/ecr_tokens.ts";
import { InstanceMetadata } from "../../src/aws/instance_metadata.ts";
import { RoleCredentials } from "../../src/aws/role_credentials.ts";
import { errorChain } from "../../src/log/error_chain.ts";
import { AwsServer } from "../support/aws_server.ts";
import { MetadataServer } from "../support/metadata_server.ts";

const ORIGIN = "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const access = { type: "ecr", region: "eu-west-1" } as const;
const HOUR = 3_600_000;

/** A machine with one role, AWS, and the tokens that it gets there. */
class World implements AsyncDisposable {
  readonly metadata = new MetadataServer();
  readonly aws = new AwsServer(this.metadata.roles);
  readonly tokens: EcrTokens;

  constructor() {
    Deno.env.set("AWS_ENDPOINT_URL", this.aws.endpoint);
    this.metadata.addRole("puller");
    const metadata = new InstanceMetadata({ endpoint: this.metadata.endpoint });
    this.tokens = new EcrTokens(new AwsAccess(new RoleCredentials(metadata)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Deno.env.delete("AWS_ENDPOINT_URL");
    await this.metadata[Symbol.asyncDispose]();
    await this.aws[Symbol.asyncDispose]();
  }
}

Deno.test("a token is for all who need it at the same time, and later", async () => {
  await using world = new World();
  const all = await Promise.all([1, 2, 3].map(() => world.tokens.of(access, ORIGIN)));
  all.push(await world.tokens.of(access, ORIGIN));
  for (const { username, password } of all) {
    assert.deepEqual([username, password], ["AWS", "ecr-password-hunter2"]);
  }
  assert.deepEqual(world.aws.requests, ["puller eu-west-1 ecr GetAuthorizationToken"]);
});

Deno.test("each region and each role has a token of its own", async () => {
  await using world = new World();
  world.metadata.addRole("other");
  await world.tokens.of(access, ORIGIN);
  await world.tokens.of({ ...access, region: "us-east-1" }, ORIGIN);
  await world.tokens.of({ ...access, machineRole: "other" }, ORIGIN);
  assert.deepEqual(world.aws.requests, [
    "puller eu-west-1 ecr GetAuthorizationToken",
    "puller us-east-1 ecr GetAuthorizationToken",
    "other eu-west-1 ecr GetAuthorizationToken",
  ]);
});

Deno.test("a token is renewed before it expires, and used while that does not work", async () => {
  await using world = new World();
  world.aws.registryTokenLifetime = HOUR / 2;
  await world.tokens.of(access, ORIGIN);
  world.aws.registryPassword = "second";
  assert.equal((await world.tokens.of(access, ORIGIN)).password, "second");
  world.aws.denied.add("puller");
  assert.equal((await world.tokens.of(access, ORIGIN)).password, "second");
});

Deno.test("a token that has expired is not used", async () => {
  await using world = new World();
  world.aws.registryTokenLifetime = -1000;
  await world.tokens.of(access, ORIGIN);
  world.aws.denied.add("puller");
  await assert.rejects(world.tokens.of(access, ORIGIN), (error) => {
    assert.deepEqual(errorChain(error), [
      "Cannot get an ECR token in eu-west-1",
      'As role "puller": AccessDeniedException (status 400): puller is not authorized to do this',
    ]);
    return true;
  });
});

Deno.test("a token that was refused is not used again", async () => {
  await using world = new World();
  await world.tokens.of(access, ORIGIN);
  world.aws.registryPassword = "second";
  world.tokens.forget(access);
  assert.equal((await world.tokens.of(access, ORIGIN)).password, "second");
});

Deno.test("without a region there is no token, and the message says which key would say it", async () => {
  await using world = new World();
  await assert.rejects(world.tokens.of({ type: "ecr" }, "https://registry.example"), {
    message: "Cannot get a token for https://registry.example: it is not called " +
      '<account>.dkr.ecr.<region>.amazonaws.com, so "docker.region" has to say the region',
  });
});
