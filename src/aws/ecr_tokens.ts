import type { EcrAccess } from "../config/settings.ts";
import { loadAwsSdk } from "../system/self.ts";
import type { Credentials } from "../registry/token_cache.ts";
import type { AwsAccess } from "./aws_access.ts";
import type { RegistryToken } from "./registry_token.ts";

/** A token is renewed so many milliseconds before it expires: a pull that begins with it may take long. */
const RENEW_BEFORE = 60 * 60_000;

/** Credentials for registries of Amazon ECR, each used for hours and renewed before it expires. */
export class EcrTokens {
  readonly #access: AwsAccess;
  readonly #known = new Map<string, RegistryToken>();
  /** Those who need the same token at the same time get it with one request. */
  readonly #pending = new Map<string, Promise<RegistryToken>>();

  constructor(access: AwsAccess) {
    this.#access = access;
  }

  /**
   * @param access as the settings have it
   * @param origin of the registry, for messages
   * @throws {Error} if there are none to be had
   */
  async of(access: EcrAccess, origin: string): Promise<Credentials> {
    const key = keyOf(access);
    const known = this.#known.get(key);
    if (known !== undefined && remaining(known) > RENEW_BEFORE) return known;
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = this.#get(access, origin).finally(() => this.#pending.delete(key));
      this.#pending.set(key, pending);
    }
    try {
      const token = await pending;
      this.#known.set(key, token);
      return token;
    } catch (error) {
      if (known !== undefined && remaining(known) > 0) return known;
      throw error;
    }
  }

  /** Forgets the credentials that a registry refused: they may have been revoked. */
  forget(access: EcrAccess): void {
    this.#known.delete(keyOf(access));
  }

  async #get({ region, machineRole }: EcrAccess, origin: string): Promise<RegistryToken> {
    if (region === undefined) {
      throw new Error(
        `Cannot get a token for ${origin}: it is not called <account>.dkr.ecr.<region>.amazonaws.com, so "docker.region" has to say the region`,
      );
    }
    const { getRegistryToken } = await loadAwsSdk();
    return await this.#access.asAny(
      `get an ECR token in ${region}`,
      { machineRole },
      (identity, options) => getRegistryToken(region, identity, options),
    );
  }
}

function keyOf({ region, machineRole }: EcrAccess): string {
  return JSON.stringify([region, machineRole]);
}

function remaining({ expiresAt }: RegistryToken): number {
  return expiresAt.getTime() - Date.now();
}
