import { ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import { decodeBasicPair } from "../registry/basic_pair.ts";
import type { Credentials } from "../registry/token_cache.ts";
import type { AwsIdentity, AwsRequestOptions } from "./aws_access.ts";
import { AwsError, awsRequest } from "./aws_request.ts";

/** Credentials for Amazon's registries of one region. */
export interface RegistryToken extends Credentials {
  /** When it is no longer good: 12 hours after it was issued. */
  readonly expiresAt: Date;
}

/**
 * Gets a token for the Amazon ECR registries that the identity may use.
 *
 * @param region of the registry
 * @throws {Error} if it cannot be had
 */
export async function getRegistryToken(
  region: string,
  identity: AwsIdentity,
  options: AwsRequestOptions,
): Promise<RegistryToken> {
  const { authorizationData } = await awsRequest(
    { region, identity },
    (client) => new ECRClient(client),
    (client, send) => client.send(new GetAuthorizationTokenCommand({}), send),
    options,
  );
  const { authorizationToken, expiresAt } = authorizationData?.[0] ?? {};
  const credentials = decodeBasicPair(authorizationToken ?? "");
  if (credentials === undefined || expiresAt === undefined) {
    throw new AwsError("the answer has no usable token");
  }
  return { ...credentials, expiresAt };
}
