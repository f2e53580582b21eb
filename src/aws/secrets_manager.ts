import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { decodeUtf8 } from "../streams/read_body.ts";
import type { AwsIdentity, AwsPlace, AwsRequestOptions } from "./aws_access.ts";
import { AwsError, awsRequest } from "./aws_request.ts";

/**
 * Reads the current version of a secret in AWS Secrets Manager.
 *
 * @param secretId its name or ARN
 * @returns its `SecretString`, or its `SecretBinary` as UTF-8
 * @throws {Error} if it cannot be had
 */
export async function readSecret(
  { secretId, region }: AwsPlace & { readonly secretId: string },
  identity: AwsIdentity,
  options: AwsRequestOptions,
): Promise<string> {
  const { SecretString, SecretBinary } = await awsRequest(
    { region, identity },
    (client) => new SecretsManagerClient(client),
    (client, send) => client.send(new GetSecretValueCommand({ SecretId: secretId }), send),
    options,
  );
  if (SecretString !== undefined) return SecretString;
  if (SecretBinary !== undefined) return decodeUtf8(SecretBinary);
  throw new AwsError("the secret has no value");
}
