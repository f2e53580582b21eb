import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import type { AwsIdentity, AwsPlace, AwsRequestOptions } from "./aws_access.ts";
import { AwsError, awsRequest } from "./aws_request.ts";

/**
 * Reads a parameter in AWS Systems Manager, decrypted if it is a SecureString.
 *
 * @param name its name or ARN
 * @throws {Error} if it cannot be had
 */
export async function readParameter(
  { name, region }: AwsPlace & { readonly name: string },
  identity: AwsIdentity,
  options: AwsRequestOptions,
): Promise<string> {
  const { Parameter } = await awsRequest(
    { region, identity },
    (client) => new SSMClient(client),
    (client, send) =>
      client.send(new GetParameterCommand({ Name: name, WithDecryption: true }), send),
    options,
  );
  if (Parameter?.Value === undefined) throw new AwsError("the parameter has no value");
  return Parameter.Value;
}
