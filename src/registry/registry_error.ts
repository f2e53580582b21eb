/** What was being done when it failed. */
export interface RegistryAction {
  /** As it reads after "Cannot": "fetch manifest". */
  readonly action: string;
  readonly method: "GET" | "HEAD";
  readonly url: URL;
}

/** What is known of a failure beyond its text. */
export interface RegistryFailure {
  readonly status?: number;
  readonly code?: string;
  readonly temporary?: boolean;
  readonly retryAfter?: number;
}

/**
 * A request to a registry, or to the token server or the storage that it named, that failed.
 *
 * The retry code reads nothing but this. Neither the message nor a property ever holds credentials: URLs are shown
 * without user information and query (which carry the signatures of pre-signed URLs), headers not at all.
 */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly method: string;
  /** The URL without user information, query and fragment. */
  readonly url: string;
  /** The HTTP status; absent if there was no usable answer. */
  readonly status?: number;
  /** The registry's own error code, `MANIFEST_UNKNOWN` (distribution-spec, "Error Codes"). */
  readonly code?: string;
  /** True if the same request may well succeed later. */
  readonly temporary: boolean;
  /** Milliseconds that the registry asks to wait, at most a minute. */
  readonly retryAfter?: number;

  constructor(what: RegistryAction, why: string, failure: RegistryFailure = {}) {
    const url = redactUrl(what.url);
    super(`Cannot ${what.action} ${url}: ${why}`);
    this.method = what.method;
    this.url = url;
    this.status = failure.status;
    this.code = failure.code;
    this.temporary = failure.temporary ?? false;
    this.retryAfter = failure.retryAfter;
  }
}

/** A URL as it may be shown: origin and path. */
export function redactUrl(url: URL): string {
  return url.origin + url.pathname;
}
