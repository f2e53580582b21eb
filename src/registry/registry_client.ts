import { createHash } from "node:crypto";
import { BlobSource } from "./blob_source.ts";
import type { Descriptor } from "./descriptor.ts";
import { type Digest, isDigest, parseDigest } from "./digest.ts";
import { LinkedAbort } from "./linked_abort.ts";
import type { MinimumRate } from "./rate_watchdog.ts";
import { type ImageReference, manifestUrl } from "./reference.ts";
import { RegistryApi } from "./registry_api.ts";
import { type RegistryAction, RegistryError } from "./registry_error.ts";
import { DEFAULT_RETRY, type RetryPolicy, withRetry } from "./retry.ts";
import { type Credentials, TokenCache } from "./token_cache.ts";
import { type Answer, Transport } from "./transport.ts";

/** What {@linkcode RegistryClient} can be given; all of it is optional. */
export interface RegistryClientOptions {
  /** Without them, only public images. */
  readonly credentials?: Credentials;
  /** Its bodies must be byte streams, as those of the real one are. */
  readonly fetch?: typeof fetch;
  /** A cache to share with other clients. */
  readonly tokens?: TokenCache;
  readonly retry?: Partial<RetryPolicy>;
  /** Milliseconds till an answer must have begun, default 30 s. */
  readonly headersTimeout?: number;
  /** The slowest body that is put up with, default 30 KiB in 30 s. */
  readonly minimumRate?: MinimumRate;
  /** Ends everything that the client does. */
  readonly signal?: AbortSignal;
}

/** A manifest as the registry sent it. */
export interface FetchedManifest {
  /** The digest of the bytes. */
  readonly digest: Digest;
  /** The `Content-Type` in lower case without parameters, "" if there is none. */
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a single call can be given. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Registries refuse larger ones too (distribution-spec, "Pushing Manifests": at least 4 megabytes). */
const MAX_MANIFEST = 4 * 1024 * 1024;

const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/**
 * A client for the part of the OCI distribution-spec that a pull needs. It authorizes itself, retries what is
 * temporary, and hands on nothing that it could verify and has not verified.
 *
 * Its credentials go to the registry of the reference, and to the token server that this registry names.
 */
export class RegistryClient {
  readonly #api: RegistryApi;
  readonly #retry: RetryPolicy;
  readonly #progress: number;
  readonly #signal: AbortSignal | undefined;

  constructor(options: RegistryClientOptions = {}) {
    const minimumRate = options.minimumRate ?? { bytes: 30 * 1024, window: 30_000 };
    this.#retry = { ...DEFAULT_RETRY, ...options.retry };
    this.#progress = minimumRate.bytes;
    this.#signal = options.signal;
    this.#api = new RegistryApi({
      transport: new Transport({
        fetch: options.fetch ?? fetch,
        headersTimeout: options.headersTimeout ?? 30_000,
        minimumRate,
      }),
      tokens: options.tokens ?? new TokenCache(),
      credentials: options.credentials,
      now: this.#retry.now,
    });
  }

  /**
   * The digest that a reference stands for now. A pinned one needs no request; a tag needs a HEAD, which does not count
   * against Docker Hub's pull limit, and a GET only where the registry does not send `Docker-Content-Digest`.
   *
   * @throws {RegistryError}
   */
  async resolveDigest(ref: ImageReference, options: CallOptions = {}): Promise<Digest> {
    if (ref.digest !== undefined) return ref.digest;
    const what = { action: "check manifest", method: "HEAD", url: manifestUrl(ref) } as const;
    const digest = await this.#call(options, async (signal) => {
      const answer = await this.#sendForManifest(ref, what, signal);
      await answer.body.discard();
      return answer.headers.get("docker-content-digest");
    });
    return isDigest(digest) ? digest : (await this.fetchManifest(ref, options)).digest;
  }

  /**
   * Fetches a manifest or an index; to parse it is the caller's part.
   *
   * @throws {RegistryError} also if it is larger than 4 MiB, or not what the reference or the registry's own
   * `Docker-Content-Digest` says
   */
  async fetchManifest(ref: ImageReference, options: CallOptions = {}): Promise<FetchedManifest> {
    const what = { action: "fetch manifest", method: "GET", url: manifestUrl(ref) } as const;
    return await this.#call(options, async (signal) => {
      const { headers, body } = await this.#sendForManifest(ref, what, signal);
      const bytes = await body.readAll(MAX_MANIFEST);
      const digest = parseDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
      if (digest !== (ref.digest ?? digest)) {
        throw new RegistryError(what, `its digest is ${digest}`);
      }
      const claimed = headers.get("docker-content-digest") ?? digest;
      if (digest !== claimed) {
        const shown = JSON.stringify(claimed.slice(0, 100));
        throw new RegistryError(what, `its digest is ${digest}, the registry says ${shown}`);
      }
      const type = headers.get("content-type") ?? "";
      return { digest, mediaType: type.replace(/;.*/s, "").trim().toLowerCase(), bytes };
    });
  }

  /**
   * The bytes of a blob as they arrive, each checked: the stream ends cleanly only after exactly `descriptor.size` bytes
   * with `descriptor.digest`, so what was made of it must not become visible before. The request is made at once; the
   * stream must be read to its end or cancelled.
   *
   * @param options.onBytes told of every chunk how long it is, as it arrives
   * @throws {TypeError} if the descriptor is malformed; what happens later is a {@linkcode RegistryError} of the stream
   */
  openBlob(
    ref: ImageReference,
    descriptor: Descriptor,
    options: CallOptions & { readonly onBytes?: (bytes: number) => void } = {},
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const digest = parseDigest(descriptor.digest);
    if (!Number.isSafeInteger(descriptor.size) || descriptor.size < 0) {
      throw new TypeError(`Cannot fetch blob ${digest}: impossible size ${descriptor.size}`);
    }
    const url = new URL(`/v2/${ref.repository}/blobs/${digest}`, ref.origin);
    const what = { action: "fetch blob", method: "GET", url } as const;
    return new ReadableStream(
      new BlobSource({
        what,
        descriptor,
        open: (offset, signal) => {
          const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
          return this.#api.send(ref, { ...what, headers, signal });
        },
        retry: this.#retry,
        progress: this.#progress,
        onBytes: options.onBytes,
        signals: [options.signal, this.#signal],
      }),
    );
  }

  #sendForManifest(
    ref: ImageReference,
    what: RegistryAction,
    signal: AbortSignal,
  ): Promise<Answer> {
    return this.#api.send(ref, { ...what, headers: { accept: MANIFEST_TYPES }, signal });
  }

  async #call<T>(
    options: CallOptions,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    using abort = new LinkedAbort(options.signal, this.#signal);
    return await withRetry(this.#retry, abort.signal, () => attempt(abort.signal));
  }
}
