import { InstanceMetadata, MetadataError } from "./instance_metadata.ts";

/** What AWS requests are signed with. Never to be logged. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When they are no longer good; absent if never. */
  readonly expiration?: Date;
}

/** Credentials are renewed so many milliseconds before they expire; EC2 has new ones at least five minutes before. */
const RENEW_BEFORE = 5 * 60_000;

const PATH = "meta-data/iam/security-credentials/";

/** The credentials of the roles that an EC2 instance has, from its metadata service, renewed before they expire. */
export class RoleCredentials {
  readonly #metadata: InstanceMetadata;
  readonly #known = new Map<string, AwsCredentials>();

  constructor(metadata: InstanceMetadata) {
    this.#metadata = metadata;
  }

  /**
   * The roles that the instance has.
   *
   * @throws {Error} if it has none, or the metadata service cannot be asked
   */
  async roles(signal?: AbortSignal): Promise<string[]> {
    const list = await this.#metadata.get(PATH, signal);
    const roles = (list ?? "").split("\n").map((line) => line.trim()).filter((line) => line !== "");
    if (roles.length === 0) {
      throw new Error("This machine has no IAM role: attach an instance profile to it");
    }
    return roles;
  }

  /**
   * The credentials of a role, good for some minutes at least.
   *
   * @throws {Error} if there are none
   */
  async of(role: string, signal?: AbortSignal): Promise<AwsCredentials> {
    const known = this.#known.get(role);
    if (known !== undefined && remaining(known) > RENEW_BEFORE) return known;
    try {
      const credentials = await this.#fetch(role, signal);
      this.#known.set(role, credentials);
      return credentials;
    } catch (error) {
      // They were to be renewed early for the very reason that it may not work at once.
      if (known !== undefined && remaining(known) > 0) return known;
      throw error;
    }
  }

  async #fetch(role: string, signal: AbortSignal | undefined): Promise<AwsCredentials> {
    const text = await this.#metadata.get(PATH + encodeURIComponent(role), signal);
    if (text === undefined) throw new Error(`This machine does not have the IAM role "${role}"`);
    return parseRoleCredentials(text, role);
  }
}

function remaining({ expiration }: AwsCredentials): number {
  return expiration === undefined ? Infinity : expiration.getTime() - Date.now();
}

/** Reads what the metadata service says of a role (EC2 user guide, "Retrieve security credentials"). */
function parseRoleCredentials(text: string, role: string): AwsCredentials {
  const what = `the credentials of role "${role}"`;
  const document = parseObject(text);
  // Not the parser's own words: they quote the text, which has the secret in it.
  if (document === undefined) throw new MetadataError(what, "its answer is no JSON object");
  const { Code, Message, AccessKeyId, SecretAccessKey, Token, Expiration } = document;
  if (Code !== undefined && Code !== "Success") {
    throw new MetadataError(what, `${Code}${typeof Message === "string" ? `: ${Message}` : ""}`);
  }
  const expiration = new Date(String(Expiration));
  if (
    typeof AccessKeyId !== "string" || typeof SecretAccessKey !== "string" ||
    typeof Token !== "string" || Number.isNaN(expiration.getTime())
  ) {
    throw new MetadataError(what, "its answer is incomplete");
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: Token,
    expiration,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined;
  }
}
