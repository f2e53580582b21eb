/**
 * A token server as docker's registry wants one (distribution, "Token Authentication Specification"): it gives out signed
 * JSON Web Tokens to whoever has the password, and to anybody for what is public.
 */
import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { runCommand } from "./command.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";

/** What can be chosen at the start. */
export interface TokenServerOptions {
  readonly username: string;
  readonly password: string;
  /** Repositories that anybody may pull from. */
  readonly publicRepositories?: readonly string[];
  /** Seconds that a token is valid, default 300. */
  readonly tokenLife?: number;
}

/** One request for a token. */
export interface TokenRequest {
  readonly service: string | null;
  readonly scopes: readonly string[];
  /** Who asked; undefined for an anonymous request. */
  readonly username: string | undefined;
  readonly status: number;
}

/** A running token server. */
export interface TokenServer extends AsyncDisposable {
  /** Where tokens are had. */
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** The certificate (PEM) that vouches for the key which tokens are signed with. */
  readonly certificate: string;
  /** All requests so far. */
  readonly requests: readonly TokenRequest[];
  /** All tokens so far: what must not turn up anywhere. */
  readonly tokens: readonly string[];
}

const SERVICE = "test-registry";
const ISSUER = "test-issuer";

/** Starts a token server on loopback, with a key of its own. */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const { key, certificate } = await makeKey();
  const requests: TokenRequest[] = [];
  const tokens: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { searchParams } = new URL(request.url);
    const service = searchParams.get("service");
    const scopes = searchParams.getAll("scope");
    const user = userOf(request);
    const known = user !== undefined && user.username === options.username &&
      user.password === options.password;
    const status = user !== undefined && !known ? 401 : 200;
    requests.push({ service, scopes, username: user?.username, status });
    if (status === 401) {
      return Response.json({ errors: [{ code: "UNAUTHORIZED", message: "wrong password" }] }, {
        status,
      });
    }
    const life = options.tokenLife ?? 300;
    const access = scopes.flatMap((scope) => granted(scope, known, options));
    const token = signToken(
      { subject: user?.username ?? "", life, access },
      key,
      certificate,
    );
    tokens.push(token);
    return Response.json({ token, expires_in: life, issued_at: new Date().toISOString() });
  });
  return {
    realm: `http://127.0.0.1:${server.addr.port}/token`,
    service: SERVICE,
    issuer: ISSUER,
    certificate,
    requests,
    tokens,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** What of `repository:NAME:ACTION,…` is allowed; nothing at all is a token, too, that opens nothing. */
function granted(
  scope: string,
  known: boolean,
  { publicRepositories = [] }: TokenServerOptions,
): Access[] {
  const [type = "", name = "", wanted = ""] = scope.split(":");
  const actions = wanted.split(",").filter((action) =>
    known || (action === "pull" && publicRepositories.includes(name))
  );
  return actions.length === 0 ? [] : [{ type, name, actions }];
}

function userOf(request: Request): { username: string; password: string } | undefined {
  const [scheme, encoded] = request.headers.get("authorization")?.split(" ") ?? [];
  if (scheme !== "Basic" || encoded === undefined) return undefined;
  const text = new TextDecoder().decode(Uint8Array.fromBase64(encoded));
  const colon = text.indexOf(":");
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Signs a token (RFC 7519) whose header carries the certificate: the registry trusts no key that it does not vouch for. */
function signToken(
  { subject, life, access }: { subject: string; life: number; access: readonly Access[] },
  key: KeyObject,
  certificate: string,
): string {
  const now = Math.floor(Date.now() / 1000);
  const der = certificate.replaceAll(/-----[^-]+-----|\s/g, "");
  const header = { typ: "JWT", alg: "RS256", x5c: [der] };
  const claims = {
    iss: ISSUER,
    sub: subject,
    aud: SERVICE,
    nbf: now - 5,
    iat: now,
    exp: now + life,
    jti: crypto.randomUUID(),
    access,
  };
  const encoder = new TextEncoder();
  const encode = (bytes: Uint8Array) =>
    bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  const text = [header, claims].map((part) => encode(encoder.encode(JSON.stringify(part)))).join(
    ".",
  );
  return `${text}.${encode(sign("sha256", encoder.encode(text), key))}`;
}

async function makeKey(): Promise<{ key: KeyObject; certificate: string }> {
  using directory = new TemporaryDirectory();
  const [keyFile, certificateFile] = [`${directory.path}/key`, `${directory.path}/certificate`];
  const subject = ["-subj", "/CN=token server of a test", "-days", "2"];
  await runCommand([
    ..."openssl req -x509 -newkey rsa:2048 -nodes".split(" "),
    ...subject,
    "-keyout",
    keyFile,
    "-out",
    certificateFile,
  ]);
  return {
    key: createPrivateKey(Deno.readTextFileSync(keyFile)),
    certificate: Deno.readTextFileSync(certificateFile),
  };
}
