import assert from "node:assert/strict";
import {
  hostNameOf,
  identityEnvironment,
  instanceIdentity,
} from "../../src/aws/instance_identity.ts";
import { InstanceMetadata } from "../../src/aws/instance_metadata.ts";
import { MetadataServer } from "../support/metadata_server.ts";

async function ask(change: (contents: Map<string, string>) => void) {
  await using server = new MetadataServer();
  server.describeInstance();
  change(server.contents);
  return await instanceIdentity(new InstanceMetadata({ endpoint: `${server.endpoint}/` }));
}

Deno.test("an instance is known by its id, zone and addresses", async () => {
  const identity = await ask(() => {});
  assert.equal(hostNameOf(identity), "i-0123456789abcdef0.eu-west-1a");
  assert.deepEqual(identityEnvironment(identity), {
    FL_INSTANCE_ID: "i-0123456789abcdef0",
    FL_ZONE: "eu-west-1a",
    FL_IPV4: "10.0.0.7",
    FL_IPV6: "2001:db8::7",
  });
});

Deno.test("an address that an instance does not have is no variable", async () => {
  const identity = await ask((contents) => {
    contents.delete("meta-data/local-ipv4");
    contents.delete("meta-data/ipv6");
  });
  assert.deepEqual(Object.keys(identityEnvironment(identity)), ["FL_INSTANCE_ID", "FL_ZONE"]);
});

for (const path of ["instance-id", "placement/availability-zone"]) {
  Deno.test(`an instance without ${path} is not known`, async () => {
    await assert.rejects(ask((contents) => contents.delete(`meta-data/${path}`)), {
      message: `Cannot tell which EC2 instance this is: the metadata has no "${path}"`,
    });
  });
}

const impossible: readonly [path: string, value: string][] = [
  ["instance-id", "<html>log in, please</html>"],
  ["instance-id", "a.b"],
  ["instance-id", "i-0\n"],
  ["instance-id", `i-${"0".repeat(63)}`],
  ["placement/availability-zone", ""],
  ["local-ipv4", "10.0.0.7\0"],
  ["ipv6", "fe80::1%eth0"],
];

for (const [path, value] of impossible) {
  Deno.test(`${JSON.stringify(value)} is no ${path}`, async () => {
    await assert.rejects(ask((contents) => contents.set(`meta-data/${path}`, value)), {
      message: `Cannot tell which EC2 instance this is: "${path}" has an impossible value`,
    });
  });
}
