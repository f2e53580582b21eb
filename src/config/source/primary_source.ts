/** Finds out where the primary configuration is. */
import { UsageError } from "../../cli/usage_error.ts";
import type { InstanceMetadata } from "../../aws/instance_metadata.ts";
import type { ConfigurationSource } from "./configuration_source.ts";
import { metaSource, type SourceServices } from "./meta_source.ts";
import { urlSource } from "./url_source.ts";
import { userDataSource } from "./user_data_source.ts";

const WAYS = `Cannot find the configuration: nothing says where it is. Name it in one of these ways:
  -c URL               the configuration itself: a path, file://, http:// or https://
  FL_URL=URL           the same, from the environment or the kernel command line
  FL_META_CONFIG=URL   a meta configuration, which says where the configuration is
  FL_ENV=ec2           the same, from the user data of this EC2 instance`;

/** What the primary configuration's source is made with. */
export interface PrimarySourceServices extends SourceServices {
  /** For `FL_ENV=ec2`. */
  readonly metadata: InstanceMetadata;
}

/** Where the primary configuration is. */
export interface PrimarySource {
  readonly source: ConfigurationSource;
  /** True if this machine is said to be an EC2 instance. */
  readonly isInEc2: boolean;
  /** True if its user data is needed to find the configuration, so that it surely is one. */
  readonly needsUserData: boolean;
}

/**
 * Finds out where the primary configuration is. What is more specific wins: an image for EC2 has `FL_ENV=ec2` on its
 * kernel command line, and whoever wants something else from it adds that.
 *
 * @param option the value of `-c`; it wins over everything else
 * @param environment the environment; of it `FL_URL` wins over `FL_META_CONFIG`, and that over `FL_ENV`
 * @throws {UsageError} if nothing says it
 */
export function primarySource(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  services: PrimarySourceServices,
): PrimarySource {
  const { FL_URL, FL_META_CONFIG } = environment;
  const isInEc2 = isEc2(environment);
  // An empty variable is how a unit file or a kernel command line unsets one.
  const direct = option || FL_URL;
  if (direct) {
    return { source: urlSource(direct, services), isInEc2, needsUserData: false };
  }
  if (FL_META_CONFIG) {
    const source = metaSource(urlSource(FL_META_CONFIG, services), services);
    return { source, isInEc2, needsUserData: false };
  }
  if (!isInEc2) throw new UsageError(WAYS);
  const source = metaSource(userDataSource(services.metadata), services);
  return { source, isInEc2, needsUserData: true };
}

/**
 * True if the environment says that this is an EC2 instance.
 *
 * @throws {UsageError} if it says something else
 */
function isEc2({ FL_ENV }: Readonly<Record<string, string | undefined>>): boolean {
  if (!FL_ENV) return false;
  if (FL_ENV === "ec2") return true;
  throw new UsageError(`Cannot tell where this machine is: FL_ENV is "${FL_ENV}", expected "ec2"`);
}
