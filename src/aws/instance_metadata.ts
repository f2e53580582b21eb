import { LinkedAbort } from "../registry/linked_abort.ts";
import { decodeUtf8, readBody } from "../streams/read_body.ts";
import { transferReason } from "../streams/transfer_reason.ts";

/** Where every EC2 instance finds its metadata (EC2 user guide, "Instance metadata"). */
export const METADATA_ENDPOINT = "http://169.254.169.254";

/** User data has at most 16 KiB, everything else is smaller. */
const MAX_BYTES = 64 * 1024;
/** How long a token is asked to be valid, in seconds: the longest that there is. */
const TOKEN_SECONDS = 6 * 60 * 60;
/** A token is renewed so many milliseconds before it expires, so that it does not expire on its way. */
const RENEW_BEFORE = 60_000;
/** How long an answer may take, in milliseconds: the service is on the same physical machine. */
const TIMEOUT = 5_000;
/** So often something is asked for while the failures are temporary. Who can wait for longer asks again. */
const TRIES = 3;
const FIRST_DELAY = 200;

const TOKEN_HEADER = "x-aws-ec2-metadata-token";
const TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds";

/** How to ask. */
export interface InstanceMetadataOptions {
  /** Where, without a slash at its end; where EC2 has it unless given. */
  readonly endpoint?: string;
  /** Milliseconds that an answer may take; 5 s unless given. */
  readonly timeout?: number;
}

/** The metadata service did not give what was asked for. */
export class MetadataError extends Error {
  override readonly name = "MetadataError";
  /** True if the same request may well succeed later. */
  readonly temporary: boolean;

  constructor(what: string, why: string, { temporary = false }: { temporary?: boolean } = {}) {
    super(`Cannot get ${what} from the EC2 metadata service: ${why}`);
    this.temporary = temporary;
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Session {
  /** The token; undefined where the service has none to give, and is asked without (IMDSv1). */
  readonly token: Promise<string | undefined>;
  /** On the clock of `performance.now()`, as the time of day is often not yet right when a machine boots. */
  renewAt: number;
}

/**
 * The EC2 instance metadata service, by version 2 of its protocol: a token that is got by PUT goes along with every
 * request. Where there is no version 2 (the token's path answers 404 or 403) it is asked without.
 */
export class InstanceMetadata {
  readonly #endpoint: string;
  readonly #timeout: number;
  /** Shared by all who ask. */
  #session: Session | undefined;

  constructor(
    { endpoint = METADATA_ENDPOINT, timeout = TIMEOUT }: InstanceMetadataOptions = {},
  ) {
    this.#endpoint = endpoint.replace(/\/+$/, "");
    this.#timeout = timeout;
  }

  /**
   * Asks for one thing; if the failure is temporary up to three times within two seconds.
   *
   * @param path below `/latest/`: `user-data`, `meta-data/instance-id`
   * @returns undefined if there is no such thing
   * @throws {MetadataError} if it cannot be had
   */
  async get(path: string, signal?: AbortSignal): Promise<string | undefined> {
    for (let tries = 1;; tries++) {
      try {
        return await this.#getOnce(path, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof MetadataError && error.temporary) || tries === TRIES) throw error;
        const delay = FIRST_DELAY * 4 ** (tries - 1) * (0.5 + Math.random());
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }

  async #getOnce(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const what = `"${path}"`;
    for (let refused = false;; refused = true) {
      const session = this.#currentSession();
      const token = await session.token;
      const headers = token === undefined ? undefined : { [TOKEN_HEADER]: token };
      const { status, text } = await this.#request(what, path, { headers }, signal);
      if (status === 200) return text;
      if (status === 404) return undefined;
      if (status !== 401) throw statusError(what, status);
      // Expired before its time, as when the machine slept; or version 1 was switched off meanwhile.
      if (this.#session === session) this.#session = undefined;
      if (refused) throw new MetadataError(what, "it refuses its own token (status 401)");
    }
  }

  #currentSession(): Session {
    const current = this.#session;
    if (current !== undefined && performance.now() < current.renewAt) return current;
    const token = this.#newToken();
    const session: Session = {
      token: token.then(({ value }) => value),
      renewAt: Infinity,
    };
    token.then(
      ({ renewAt }) => session.renewAt = renewAt,
      // Whoever waits for the token is told why there is none.
      () => session.renewAt = 0,
    );
    return this.#session = session;
  }

  /** Without the signal of the caller: others may wait for the same token. */
  async #newToken(): Promise<{ value: string | undefined; renewAt: number }> {
    const what = "a session token";
    const init = { method: "PUT", headers: { [TTL_HEADER]: `${TOKEN_SECONDS}` } };
    const { status, headers, text } = await this.#request(what, "api/token", init);
    if (status === 404 || status === 403) {
      return { value: undefined, renewAt: performance.now() + TOKEN_SECONDS * 1000 };
    }
    if (status !== 200) throw statusError(what, status);
    // It becomes a header: what cannot be one is no token, but the page of some proxy.
    if (!/^[\x21-\x7e]+$/.test(text)) throw new MetadataError(what, "what it gives is no token");
    const seconds = Number(headers.get(TTL_HEADER) ?? TOKEN_SECONDS);
    return { value: text, renewAt: performance.now() + seconds * 1000 - RENEW_BEFORE };
  }

  async #request(
    what: string,
    path: string,
    init: RequestInit,
    signal?: AbortSignal,
  ): Promise<Answer> {
    using abort = new LinkedAbort(signal);
    const reason = new Error(`no answer for ${this.#timeout / 1000} s`);
    const timer = setTimeout(() => abort.abort(reason), this.#timeout);
    try {
      const url = `${this.#endpoint}/latest/${path}`;
      // It never redirects; whoever does is not the service, and must not get the token.
      const response = await fetch(url, { ...init, redirect: "manual", signal: abort.signal });
      const { status, headers, body } = response;
      const bytes = body === null
        ? new Uint8Array()
        : await readBody(body, { maxBytes: MAX_BYTES, signal: abort.signal });
      return { status, headers, text: status === 200 ? decodeUtf8(bytes) : "" };
    } catch (error) {
      signal?.throwIfAborted();
      throw new MetadataError(what, transferReason(error), { temporary: true });
    } finally {
      clearTimeout(timer);
    }
  }
}

function statusError(what: string, status: number): MetadataError {
  const why = status === 403
    ? "access to instance metadata is switched off (status 403)"
    : `it answered with status ${status}`;
  return new MetadataError(what, why, { temporary: status >= 500 || status === 429 });
}
