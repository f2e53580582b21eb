import assert from "node:assert/strict";
import { ecrRegion } from "../../src/registry/ecr_host.ts";

const cases: readonly [origin: string, region: string | undefined][] = [
  ["https://123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1"],
  ["https://123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"],
  ["https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"],
  ["https://123456789012.dkr-ecr.eu-central-1.on.aws", "eu-central-1"],
  ["http://123456789012.dkr.ecr.eu-west-1.amazonaws.com", undefined],
  ["https://123456789012.dkr.ecr.eu-west-1.amazonaws.com:5000", undefined],
  ["https://123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example", undefined],
  ["https://evil.example/123456789012.dkr.ecr.eu-west-1.amazonaws.com", undefined],
  ["https://12345.dkr.ecr.eu-west-1.amazonaws.com", undefined],
  ["https://public.ecr.aws", undefined],
  ["https://registry-1.docker.io", undefined],
];

for (const [origin, region] of cases) {
  Deno.test(`${origin} ${region === undefined ? "is no registry of ECR" : `is in ${region}`}`, () => {
    assert.equal(ecrRegion(origin), region);
  });
}
