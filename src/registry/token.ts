import type { Challenge } from "./challenge.ts";
import { type RegistryAction, RegistryError } from "./registry_error.ts";
import { responseError } from "./response_error.ts";
import type { Authorization, Credentials, Purpose } from "./token_cache.ts";
import type { Transport } from "./transport.ts";

const MAX_RESPONSE = 64 * 1024;
/** Seconds that a token lives if nothing is said (distribution, "Token Authentication Specification"). */
const DEFAULT_LIFE = 60;
/** Part of a token's life after which it is not used any more: a request must arrive before it ends. */
const USABLE_LIFE = 0.9;

/**
 * Gets a token as a bearer challenge demands (distribution, "Token Authentication Specification").
 *
 * @param challenge a bearer challenge that came from the registry's own origin
 * @throws {RegistryError} if the realm must not be used, or the token server gives no token
 */
export async function requestToken(
  transport: Transport,
  challenge: Challenge,
  purpose: Purpose,
  clock: () => number,
): Promise<Authorization> {
  const url = tokenUrl(challenge, purpose);
  const what: RegistryAction = { action: "get a token from", method: "GET", url };
  const { credentials } = purpose;
  const authorization = credentials && basicAuthorization(credentials);
  const requestedAt = clock();
  const answer = await transport.send({ ...what, authorization });
  if (answer.status !== 200) {
    const secrets = credentials && secretsOf(authorization, credentials);
    throw await responseError(what, answer, { now: clock(), secrets });
  }
  const { token, life } = parseToken(what, await answer.body.readAll(MAX_RESPONSE));
  return { header: `Bearer ${token}`, expiresAt: requestedAt + life * 1000 * USABLE_LIFE };
}

/** The value of an `Authorization` header for Basic (RFC 7617, with UTF-8). */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${new TextEncoder().encode(`${username}:${password}`).toBase64()}`;
}

/** The strings by which a server could give a request's secrets away if it repeated them in its answer. */
export function secretsOf(
  authorization: string | undefined,
  credentials: Credentials | undefined,
): readonly string[] {
  return [authorization?.replace(/^\S+ /, ""), credentials?.password]
    .filter((secret) => secret !== undefined);
}

/**
 * The URL to ask for a token.
 *
 * A registry that is reached by https is trusted to name its token server, on whatever host (Docker Hub's is another
 * one), but never by http: neither the credentials nor the token may cross the network in clear. Where a person wrote
 * http:// for the registry, that network is trusted already: who could forge its challenge there to name another
 * realm could as well forge one that asks for Basic, so a realm by http is accepted.
 */
function tokenUrl({ parameters }: Challenge, { registry, scope }: Purpose): URL {
  const realm = URL.parse(parameters.get("realm") ?? "");
  const refuse = (why: string) =>
    new RegistryError(
      { action: "get a token for", method: "GET", url: new URL(registry) },
      `the registry's challenge names ${why}`,
    );
  if (realm === null || !/^https?:$/.test(realm.protocol) || realm.username || realm.password) {
    throw refuse("no usable realm");
  }
  if (realm.protocol === "http:" && !registry.startsWith("http:")) {
    throw refuse(`a realm without TLS, ${realm.origin}`);
  }
  realm.hash = "";
  const service = parameters.get("service");
  if (service !== undefined) realm.searchParams.append("service", service);
  // A registry may have scopes of its own kind ("aws"), and a challenge may hold several, separated by spaces.
  for (const wanted of (parameters.get("scope") || scope).split(/ +/)) {
    realm.searchParams.append("scope", wanted);
  }
  return realm;
}

function parseToken(what: RegistryAction, body: Uint8Array): { token: string; life: number } {
  let answer: Record<string, unknown> | null = null;
  try {
    answer = JSON.parse(new TextDecoder().decode(body));
  } catch {
    // Said below. The parser's own words would quote the answer, and there may be a token in it.
  }
  const token = answer?.token ?? answer?.access_token;
  // Nothing that could not stand in a header, where fetch would refuse it and quote it in its error.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new RegistryError(what, "the answer holds no token");
  }
  const life = Number(answer?.expires_in ?? DEFAULT_LIFE);
  return { token, life: life > 0 ? life : DEFAULT_LIFE };
}
