/** Gets the text of a configuration from where it is. */
import { LinkedAbort } from "../../registry/linked_abort.ts";
import { decodeUtf8, readBody } from "../../streams/read_body.ts";
import { transferReason } from "../../streams/transfer_reason.ts";
import { quote } from "../path.ts";
import { redactUrl } from "../redact_url.ts";

/** Nobody writes a configuration of this size. */
export const MAX_CONFIGURATION_BYTES = 4 * 1024 * 1024;
/** How long a server may be silent, in milliseconds. */
const STALL_TIMEOUT = 30_000;
const MAX_REDIRECTS = 5;

/** How to load. */
export interface LoadOptions {
  /** Used in place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Ends the loading; the promise is then rejected with its reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte from the server after which loading fails; 30 s unless given. */
  readonly stallTimeout?: number;
}

type Request = (url: URL, init: RequestInit) => Promise<Response>;
type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * Loads the text of a configuration.
 *
 * @param location a path, or a `file://`, `http://` or `https://` URL; user information in it is sent as Basic
 * credentials, to that origin only
 * @returns the text, without its byte order mark if it has one
 * @throws {Error} if it cannot be had, is larger than 4 MiB, or is not UTF-8; the message shows neither user information
 * nor query
 */
export async function loadText(location: string, options: LoadOptions = {}): Promise<string> {
  const { fetch = globalThis.fetch, signal, stallTimeout = STALL_TIMEOUT } = options;
  using abort = new LinkedAbort(signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expectBytes = () => {
    clearTimeout(timer);
    const reason = new Error(`nothing came for ${stallTimeout / 1000} s`);
    timer = setTimeout(() => abort.abort(reason), stallTimeout);
  };
  const request: Request = (url, init) => {
    expectBytes();
    return fetch(url, { ...init, signal: abort.signal });
  };
  try {
    return decodeUtf8(
      await readBody(await open(location, request), {
        maxBytes: MAX_CONFIGURATION_BYTES,
        signal: abort.signal,
        onProgress: expectBytes,
      }),
    );
  } catch (error) {
    signal?.throwIfAborted();
    const why = transferReason(error);
    // Without a cause: the text of what fetch throws has the URL with its query.
    throw new Error(`Cannot load the configuration ${quote(redactUrl(location))}: ${why}`);
  } finally {
    clearTimeout(timer);
  }
}

async function open(location: string, request: Request): Promise<Body> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(location)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return (await Deno.open(location)).readable;
    case "file":
      return (await Deno.open(new URL(location))).readable;
    case "http":
    case "https":
      return await openUrl(URL.parse(location), request);
    default:
      throw new Error("expected a path, or a URL with file://, http:// or https://");
  }
}

/** Follows redirects itself, since fetch would follow one from https to http. */
async function openUrl(start: URL | null, request: Request): Promise<Body> {
  if (start === null) throw new Error("malformed URL");
  const authorization = authorizationOf(start);
  let url = withoutUserInfo(start);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    // Credentials are for the server that was named, not for one that it points to.
    const isNamed = authorization !== undefined && url.origin === start.origin;
    const headers = isNamed ? { authorization } : undefined;
    const response = await request(url, { redirect: "manual", headers });
    if (response.ok && response.body !== null) return response.body;
    await response.body?.cancel();
    const target = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || target === null) {
      throw new Error(`the server answered with status ${response.status}`);
    }
    url = redirectTarget(url, target);
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`);
}

function redirectTarget(from: URL, target: string): URL {
  const to = URL.parse(target, from);
  if (to === null || !/^https?:$/.test(to.protocol)) {
    throw new Error("the server redirects to what is no http or https URL");
  }
  if (from.protocol === "https:" && to.protocol === "http:") {
    throw new Error("the server redirects from https to http");
  }
  return withoutUserInfo(to);
}

/** Basic credentials (RFC 7617) in UTF-8. */
function authorizationOf({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  const pair = `${percentDecode(username)}:${percentDecode(password)}`;
  return `Basic ${new TextEncoder().encode(pair).toBase64()}`;
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A "%" that begins no escape: whoever wrote it meant it as it is.
    return text;
  }
}

function withoutUserInfo(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return bare;
}
