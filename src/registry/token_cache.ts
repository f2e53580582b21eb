/** A user name and a password, or a token that the registry takes for one. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What an authorization is good for. */
export interface Purpose {
  /** The origin of the registry. */
  readonly registry: string;
  /** `repository:library/nginx:pull` */
  readonly scope: string;
  /** Absent for anonymous access. */
  readonly credentials?: Credentials;
}

/** A value for the `Authorization` header. */
export interface Authorization {
  readonly header: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Authorizations by registry, scope and credentials, till they expire. Give the same cache to several clients and they
 * share what they are entitled to. Those who need a new one at the same time get it with one request.
 */
export class TokenCache {
  readonly #valid = new Map<string, Authorization>();
  readonly #pending = new Map<string, Promise<Authorization>>();

  /** The header to send, undefined if none is known that is still valid. */
  get(purpose: Purpose, now: number): string | undefined {
    for (const [key, { expiresAt }] of this.#valid) {
      if (expiresAt <= now) this.#valid.delete(key);
    }
    return this.#valid.get(keyOf(purpose))?.header;
  }

  /**
   * The header to send after the registry refused one.
   *
   * @param refused the header that was refused; undefined if none was sent
   * @param issue gets a new authorization. All who wait share it, so it must not depend on the signal of one of them.
   */
  async renew(
    purpose: Purpose,
    refused: string | undefined,
    issue: () => Promise<Authorization>,
  ): Promise<string> {
    const key = keyOf(purpose);
    const known = this.#valid.get(key);
    if (known !== undefined && known.header !== refused) return known.header;
    this.#valid.delete(key);

    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = issue().finally(() => this.#pending.delete(key));
      this.#pending.set(key, pending);
    }
    const issued = await pending;
    this.#valid.set(key, issued);
    return issued.header;
  }
}

function keyOf({ registry, scope, credentials }: Purpose): string {
  return JSON.stringify([registry, scope, credentials?.username, credentials?.password]);
}
