import { parseChallenges } from "./challenge.ts";
import { unlessAborted } from "./linked_abort.ts";
import type { ImageReference } from "./reference.ts";
import { RegistryError } from "./registry_error.ts";
import { responseError } from "./response_error.ts";
import { basicAuthorization, requestToken, secretsOf } from "./token.ts";
import type { Authorization, Credentials, Purpose, TokenCache } from "./token_cache.ts";
import type { Answer, Exchange, Transport } from "./transport.ts";

/** What {@linkcode RegistryApi} works with. */
export interface RegistryApiOptions {
  readonly transport: Transport;
  readonly tokens: TokenCache;
  readonly credentials?: Credentials;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Requests to the API of registries, authorized as each of them demands. */
export class RegistryApi {
  readonly #transport: Transport;
  readonly #tokens: TokenCache;
  readonly #credentials: Credentials | undefined;
  readonly #now: () => number;

  constructor(options: RegistryApiOptions) {
    this.#transport = options.transport;
    this.#tokens = options.tokens;
    this.#credentials = options.credentials;
    this.#now = options.now;
  }

  /**
   * Sends one request, and if the registry answers with a challenge, sends it a second time with a new authorization.
   *
   * @returns an answer with status 200 or 206, and no `Content-Encoding`
   * @throws {RegistryError} on any other answer
   */
  async send(ref: ImageReference, exchange: Exchange): Promise<Answer> {
    const purpose: Purpose = {
      registry: ref.origin,
      scope: `repository:${ref.repository}:pull`,
      credentials: this.#credentials,
    };
    let authorization = this.#tokens.get(purpose, this.#now());
    let answer = await this.#transport.send({ ...exchange, authorization });
    let remark: string | undefined;

    // Only the registry itself may ask for credentials, not a storage that it redirected to.
    if (answer.status === 401 && answer.url.origin === ref.origin) {
      const issue = this.#answerTo(answer, purpose);
      if (issue !== undefined) {
        await answer.body.discard();
        const renewed = this.#tokens.renew(purpose, authorization, issue);
        authorization = await unlessAborted(renewed, exchange.signal);
        answer = await this.#transport.send({ ...exchange, authorization });
      }
      if (this.#credentials === undefined) remark = "no credentials are configured";
      else if (issue === undefined) remark = "it asks for neither Bearer nor Basic";
      else remark = "the credentials were not accepted";
    }
    if (answer.status !== 200 && answer.status !== 206) {
      throw await responseError(exchange, answer, {
        now: this.#now(),
        secrets: secretsOf(authorization, this.#credentials),
        remark: answer.status === 401 ? remark : undefined,
      });
    }
    await refuseContentEncoding(exchange, answer);
    return answer;
  }

  /** How to get what the challenge demands; undefined if there is no challenge that can be met. */
  #answerTo(answer: Answer, purpose: Purpose): (() => Promise<Authorization>) | undefined {
    const challenges = parseChallenges(answer.headers.get("www-authenticate") ?? "");
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      return () => requestToken(this.#transport, bearer, purpose, this.#now);
    }
    const { credentials } = purpose;
    if (credentials === undefined || !challenges.some(({ scheme }) => scheme === "basic")) {
      return undefined;
    }
    const header = basicAuthorization(credentials);
    return () => Promise.resolve({ header, expiresAt: Infinity });
  }
}

async function refuseContentEncoding(exchange: Exchange, answer: Answer): Promise<void> {
  const encoding = answer.headers.get("content-encoding");
  if (encoding === null || encoding.toLowerCase() === "identity") return;
  await answer.body.cancel();
  const shown = JSON.stringify(encoding.slice(0, 50));
  throw new RegistryError(exchange, `sent with Content-Encoding ${shown}, which was not asked for`);
}
