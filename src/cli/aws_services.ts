import { AwsAccess } from "../aws/aws_access.ts";
import { InstanceMetadata } from "../aws/instance_metadata.ts";
import { RoleCredentials } from "../aws/role_credentials.ts";

/**
 * Puts together what speaks to AWS. `AWS_EC2_METADATA_SERVICE_ENDPOINT` in the environment says where the metadata service
 * is, as it does for AWS's own tools; tests have theirs elsewhere. The SDK reads `AWS_ENDPOINT_URL` and its kin itself.
 */
export function awsServices(
  environment: Readonly<Record<string, string | undefined>>,
): { metadata: InstanceMetadata; aws: AwsAccess } {
  const endpoint = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] || undefined;
  const metadata = new InstanceMetadata({ endpoint });
  return { metadata, aws: new AwsAccess(new RoleCredentials(metadata), environment) };
}
