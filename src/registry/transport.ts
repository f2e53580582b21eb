import { BodyReader } from "./body_reader.ts";
import { LinkedAbort } from "./linked_abort.ts";
import { networkError } from "./network_error.ts";
import type { MinimumRate } from "./rate_watchdog.ts";
import { type RegistryAction, RegistryError } from "./registry_error.ts";

/** One request. */
export interface Exchange extends RegistryAction {
  readonly headers?: Readonly<Record<string, string>>;
  /** The `Authorization` header. It goes to the origin of `url` and nowhere else. */
  readonly authorization?: string;
  readonly signal?: AbortSignal;
}

/** What came back: the head, and a body that must be read, discarded or cancelled. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Where the redirects led. */
  readonly url: URL;
  readonly body: BodyReader;
}

/** What {@linkcode Transport} works with. */
export interface TransportOptions {
  readonly fetch: typeof fetch;
  /** Milliseconds till an answer must have begun. */
  readonly headersTimeout: number;
  readonly minimumRate: MinimumRate;
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 10;

/** Sends requests and follows redirects; knows nothing of registries but what must never happen on the way. */
export class Transport {
  readonly #fetch: typeof fetch;
  readonly #headersTimeout: number;
  readonly #minimumRate: MinimumRate;

  constructor(options: TransportOptions) {
    this.#fetch = options.fetch;
    this.#headersTimeout = options.headersTimeout;
    this.#minimumRate = options.minimumRate;
  }

  /**
   * Sends one request and follows at most ten redirects.
   *
   * @returns the answer, whatever its status
   * @throws {RegistryError} if there is none, or a redirect leads where it must not
   */
  async send(exchange: Exchange): Promise<Answer> {
    let { url, authorization } = exchange;
    for (let redirects = 0;; redirects++) {
      const answer = await this.#sendOnce({ ...exchange, url, authorization });
      const location = REDIRECTS.includes(answer.status) ? answer.headers.get("location") : null;
      if (location === null) return answer;

      await answer.body.discard();
      if (redirects === MAX_REDIRECTS) {
        throw new RegistryError(exchange, `more than ${MAX_REDIRECTS} redirects`);
      }
      const next = redirectTarget({ ...exchange, url }, location);
      // Once dropped, it stays dropped, even if a later redirect leads back (CVE-2024-45336).
      if (next.origin !== url.origin) authorization = undefined;
      url = next;
    }
  }

  async #sendOnce(exchange: Exchange): Promise<Answer> {
    const { method, url, authorization } = exchange;
    const headers = new Headers(exchange.headers);
    headers.set("user-agent", "frontloader");
    // Digests are of the bytes as they are stored, and what is encoded because fetch asked for it, it decodes silently.
    headers.set("accept-encoding", "identity");
    if (authorization !== undefined) headers.set("authorization", authorization);

    const abort = new LinkedAbort(exchange.signal);
    const timer = setTimeout(() => {
      const why = `no answer within ${this.#headersTimeout / 1000} s`;
      abort.abort(new RegistryError(exchange, why, { temporary: true }));
    }, this.#headersTimeout);
    const fetch = this.#fetch;
    let response: Response;
    try {
      response = await fetch(url, { method, headers, redirect: "manual", signal: abort.signal });
    } catch (error) {
      abort[Symbol.dispose]();
      throw networkError(exchange, error, abort.signal);
    } finally {
      clearTimeout(timer);
    }
    const body = new BodyReader(exchange, response.body, {
      abort,
      minimumRate: this.#minimumRate,
    });
    return { status: response.status, headers: response.headers, url, body };
  }
}

function redirectTarget(exchange: Exchange, location: string): URL {
  const next = URL.parse(location, exchange.url);
  if (next === null || !/^https?:$/.test(next.protocol) || next.username || next.password) {
    throw new RegistryError(exchange, "redirected to something that is not a plain http(s) URL");
  }
  if (exchange.url.protocol === "https:" && next.protocol === "http:") {
    throw new RegistryError(exchange, `redirected from https to ${next.origin}`);
  }
  return next;
}
