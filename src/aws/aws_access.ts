import { getLogger } from "@logtape/logtape";
import { errorChain } from "../log/error_chain.ts";
import type { AwsCredentials, RoleCredentials } from "./role_credentials.ts";

const logger = getLogger(["frontloader", "aws"]);

/** Somebody in whose name requests to AWS can be made. */
export interface AwsIdentity {
  /** As it reads in a message: `role "shop-web"`. */
  readonly name: string;
  /** Its credentials, good for some minutes at least. */
  credentials(): Promise<AwsCredentials>;
}

/** How a request to AWS ends early. */
export interface AwsRequestOptions {
  readonly signal?: AbortSignal;
  /** How long it may take with all its tries, in milliseconds. */
  readonly timeout: number;
}

/** A place of AWS, and who is to ask there. */
export interface AwsPlace {
  readonly region: string;
  /** The machine's role; absent: whoever of those that the machine can be may do it. */
  readonly machineRole?: string;
}

/** All that this machine can be towards AWS: its roles or, where it is no EC2 instance, what the environment says. */
export class AwsAccess {
  readonly #roles: RoleCredentials;
  readonly #timeout: number;
  readonly #environment: AwsIdentity | undefined;
  /** By what was asked for: who was allowed to have it last. */
  readonly #allowed = new Map<string, string>();

  /**
   * @param environment with `AWS_ACCESS_KEY_ID` and its kin they are used, unless a role is named: for configurations
   * that are tried out elsewhere
   * @param options `timeout`: milliseconds for one request with all its tries; 30 s unless given
   */
  constructor(
    roles: RoleCredentials,
    environment: Readonly<Record<string, string | undefined>> = {},
    { timeout = 30_000 }: { timeout?: number } = {},
  ) {
    this.#roles = roles;
    this.#timeout = timeout;
    this.#environment = environmentIdentity(environment);
  }

  /**
   * Does something in the name of each identity in turn until one is allowed to.
   *
   * @param what as it reads after "Cannot": `read secret "a" in eu-west-1`
   * @param use does it, and throws {@linkcode Error}s without secrets
   * @throws {Error} that names each identity with its own reason
   */
  async asAny<T>(
    what: string,
    { machineRole }: Pick<AwsPlace, "machineRole">,
    use: (identity: AwsIdentity, options: AwsRequestOptions) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const failures: Error[] = [];
    for (const identity of await this.#identities(what, machineRole, signal)) {
      try {
        const result = await use(identity, { signal, timeout: this.#timeout });
        this.#allowed.set(what, identity.name);
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        const reason = errorChain(error).join(": ");
        logger.debug("Cannot {what} as {identity}: {reason}", {
          what,
          identity: identity.name,
          reason,
        });
        failures.push(new Error(`As ${identity.name}: ${reason}`));
      }
    }
    const [first, ...others] = failures;
    if (others.length === 0) throw new Error(`Cannot ${what}`, { cause: first });
    throw new AggregateError(failures, `Cannot ${what} as any of ${failures.length} roles`);
  }

  async #identities(
    what: string,
    machineRole: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<AwsIdentity[]> {
    if (machineRole !== undefined) return [this.#roleIdentity(machineRole)];
    if (this.#environment !== undefined) return [this.#environment];
    let roles: string[];
    try {
      roles = await this.#roles.roles(signal);
    } catch (cause) {
      throw new Error(`Cannot ${what}`, { cause });
    }
    const allowed = this.#allowed.get(what);
    return roles.map((role) => this.#roleIdentity(role))
      .sort((a, b) => Number(b.name === allowed) - Number(a.name === allowed));
  }

  #roleIdentity(role: string): AwsIdentity {
    return { name: `role "${role}"`, credentials: () => this.#roles.of(role) };
  }
}

/** The standard variables of AWS's own tools. */
function environmentIdentity(
  environment: Readonly<Record<string, string | undefined>>,
): AwsIdentity | undefined {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = environment;
  if (!accessKeyId || !secretAccessKey) return undefined;
  const credentials = { accessKeyId, secretAccessKey, ...sessionToken && { sessionToken } };
  return {
    name: "AWS_ACCESS_KEY_ID of the environment",
    credentials: () => Promise.resolve(credentials),
  };
}
