import type { AwsAccess, AwsIdentity, AwsRequestOptions } from "../../aws/aws_access.ts";
import { loadAwsSdk } from "../../system/self.ts";
import { quote } from "../path.ts";
import type { ObjectMeta, ParameterMeta, SecretMeta } from "../settings.ts";
import type { ConfigurationSource } from "./configuration_source.ts";
import { MAX_CONFIGURATION_BYTES } from "./load_text.ts";

/** Where in AWS a configuration can be. */
export type AwsMeta = SecretMeta | ParameterMeta | ObjectMeta;

/** A configuration in a service of AWS. */
export function awsSource(meta: AwsMeta, access: AwsAccess): ConfigurationSource {
  const description = describe(meta);
  return {
    description,
    load: (signal) =>
      access.asAny(
        `load the configuration from ${description}`,
        meta,
        (identity, options) => read(meta, identity, options),
        signal,
      ),
  };
}

function describe(meta: AwsMeta): string {
  switch (meta.type) {
    case "aws-sm":
      return `secret ${quote(meta.secretId)} in ${meta.region}`;
    case "aws-ssm":
      return `parameter ${quote(meta.name)} in ${meta.region}`;
    case "aws-s3":
      return `object ${quote(`s3://${meta.bucket}/${meta.key}`)} in ${meta.region}`;
  }
}

async function read(
  meta: AwsMeta,
  identity: AwsIdentity,
  options: AwsRequestOptions,
): Promise<string> {
  const sdk = await loadAwsSdk();
  switch (meta.type) {
    case "aws-sm":
      return sdk.readSecret(meta, identity, options);
    case "aws-ssm":
      return sdk.readParameter(meta, identity, options);
    case "aws-s3":
      return sdk.readObject(meta, identity, { ...options, maxBytes: MAX_CONFIGURATION_BYTES });
  }
}
