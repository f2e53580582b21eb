import type { InstanceMetadata } from "./instance_metadata.ts";

/** Who an EC2 instance is. */
export interface InstanceIdentity {
  /** `i-0123456789abcdef0` */
  readonly instanceId: string;
  /** Its availability zone, `eu-west-1a`. */
  readonly zone: string;
  /** Its private IPv4 address; absent in a network that has IPv6 only. */
  readonly ipv4?: string;
  /** Its IPv6 address, if it has one. */
  readonly ipv6?: string;
}

/** What becomes a part of a host name. */
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,29}[A-Za-z0-9])?$/;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const IPV6 = /^[0-9A-Fa-f:.]{2,45}$/;

/**
 * Asks the metadata service who this instance is.
 *
 * @throws {Error} if it does not say, or says what cannot be true
 */
export async function instanceIdentity(
  metadata: InstanceMetadata,
  signal?: AbortSignal,
): Promise<InstanceIdentity> {
  const ask = async (path: string, form: RegExp): Promise<string | undefined> => {
    const value = await metadata.get(`meta-data/${path}`, signal);
    if (value !== undefined && !form.test(value)) {
      throw new Error(`Cannot tell which EC2 instance this is: "${path}" has an impossible value`);
    }
    return value;
  };
  const [instanceId, zone, ipv4, ipv6] = await Promise.all([
    ask("instance-id", LABEL),
    ask("placement/availability-zone", LABEL),
    ask("local-ipv4", IPV4),
    ask("ipv6", IPV6),
  ]);
  if (instanceId === undefined || zone === undefined) {
    const missing = instanceId === undefined ? "instance-id" : "placement/availability-zone";
    throw new Error(`Cannot tell which EC2 instance this is: the metadata has no "${missing}"`);
  }
  return {
    instanceId,
    zone,
    ...ipv4 !== undefined && { ipv4 },
    ...ipv6 !== undefined && { ipv6 },
  };
}

/** The host name that an instance gets: `<instance-id>.<availability-zone>`. */
export function hostNameOf({ instanceId, zone }: InstanceIdentity): string {
  return `${instanceId}.${zone}`;
}

/** The variables that tell every container where it runs. */
export function identityEnvironment(
  { instanceId, zone, ipv4, ipv6 }: InstanceIdentity,
): Record<string, string> {
  return {
    FL_INSTANCE_ID: instanceId,
    FL_ZONE: zone,
    ...ipv4 !== undefined && { FL_IPV4: ipv4 },
    ...ipv6 !== undefined && { FL_IPV6: ipv6 },
  };
}
