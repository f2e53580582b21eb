/**
 * An OCI registry on loopback, in memory, inside the process: small, but a real one over real HTTP. It serves pulls as
 * the distribution-spec describes them and takes manifests by PUT; blobs are added by a method.
 *
 * ```ts
 * await using registry = startRegistry();
 * const layer = registry.addBlob(bytes, "application/vnd.oci.image.layer.v1.tar+gzip");
 * const digest = registry.putManifest("app", "1", { schemaVersion: 2, mediaType, config, layers: [layer] });
 * await fetch(`${registry.origin}/v2/app/manifests/1`);
 * ```
 */
import { createHash } from "node:crypto";
import type { Descriptor } from "../../src/registry/descriptor.ts";
import { type Digest, isDigest, parseDigest } from "../../src/registry/digest.ts";

/** Who may pull. */
export type RegistryAuth = { readonly type: "none" } | BasicAuth | BearerAuth;

/** Whoever has the password. */
export interface BasicAuth {
  readonly type: "basic";
  readonly username: string;
  readonly password: string;
}

/** Whoever has a token from `/token` on the same port. Without a user name anybody gets one. */
export interface BearerAuth {
  readonly type: "bearer";
  readonly username?: string;
  readonly password?: string;
  /** Seconds that a token is valid, default 300. */
  readonly tokenLife?: number;
}

/** What can be chosen at the start. */
export interface RegistryServerOptions {
  readonly auth?: RegistryAuth;
  /** Where to listen, default 127.0.0.1. */
  readonly hostname?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Asked before anything else; what it returns is the answer. */
  readonly hook?: RequestHook;
}

/** Answers a request in the registry's place, or returns undefined. */
export type RequestHook = (
  request: Request,
) => Response | undefined | Promise<Response | undefined>;

/** What goes wrong with the body of a blob, after so many bytes of the answer. */
export interface BlobFault {
  /**
   * - `reset`: the connection is lost
   * - `truncate`: the body ends as if that were all (no Content-Length)
   * - `stall`: no further byte, and no end
   * - `corrupt`: one byte is another one
   */
  readonly kind: "reset" | "truncate" | "stall" | "corrupt";
  readonly after: number;
}

/** One request that was answered. */
export interface LoggedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** True if it had an `Authorization` header. */
  readonly authorized: boolean;
  readonly range: string | undefined;
  readonly status: number;
}

/** A running registry. */
export interface RegistryServer extends AsyncDisposable {
  /** `http://HOSTNAME:PORT` */
  readonly origin: string;
  /** `HOSTNAME:PORT` */
  readonly host: string;
  /** All requests so far, in the order of their answers. Empty it with `log.length = 0`. */
  readonly log: LoggedRequest[];
  /** May be changed at any time. */
  auth: RegistryAuth;
  /** May be changed at any time. */
  hook: RequestHook | undefined;
  /** Adds a blob, to all repositories, and returns its descriptor. */
  addBlob(bytes: Uint8Array, mediaType?: string): Descriptor;
  /** Adds a manifest by its digest, and moves the tag to it if one is given. */
  putManifest(
    repository: string,
    tag: string | undefined,
    manifest: object | Uint8Array,
    mediaType?: string,
  ): Digest;
  /** Breaks the next GET of a blob; called twice, the next two. */
  breakNextBlob(fault: BlobFault): void;
  /** Makes all tokens invalid at once, as if they had expired. */
  revokeTokens(): void;
  /** Stops, also in the middle of answers. */
  close(): Promise<void>;
}

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCTET_STREAM = "application/octet-stream";
const MANIFEST_PATH = /^\/v2\/(.+)\/manifests\/([^/]+)$/;
const BLOB_PATH = /^\/v2\/(.+)\/blobs\/([^/]+)$/;

type Bytes = Uint8Array<ArrayBuffer>;

/** Starts a registry. */
export function startRegistry(options: RegistryServerOptions = {}): RegistryServer {
  return new MemoryRegistry(options);
}

/** `sha256:…` of some bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}

class MemoryRegistry implements RegistryServer {
  readonly origin: string;
  readonly host: string;
  readonly log: LoggedRequest[] = [];
  hook: RequestHook | undefined;
  auth: RegistryAuth;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #blobs = new Map<Digest, Bytes>();
  /** By `repository@digest`. */
  readonly #manifests = new Map<string, { bytes: Bytes; mediaType: string }>();
  /** By `repository:tag`. */
  readonly #tags = new Map<string, Digest>();
  /** When each of the tokens expires. */
  readonly #tokens = new Map<string, number>();
  readonly #faults: BlobFault[] = [];
  readonly #closing = new AbortController();

  constructor(options: RegistryServerOptions) {
    this.auth = options.auth ?? { type: "none" };
    this.hook = options.hook;
    this.#server = Deno.serve({
      hostname: options.hostname ?? "127.0.0.1",
      port: options.port ?? 0,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }), // what breaks here was broken on purpose
    }, (request) => this.#serve(request));
    const { hostname, port } = this.#server.addr;
    this.host = `${hostname}:${port}`;
    this.origin = `http://${this.host}`;
  }

  addBlob(bytes: Uint8Array, mediaType = OCTET_STREAM): Descriptor {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, bytes as Bytes);
    return { mediaType, digest, size: bytes.length };
  }

  putManifest(
    repository: string,
    tag: string | undefined,
    manifest: object | Uint8Array,
    mediaType = OCI_MANIFEST,
  ): Digest {
    const bytes = manifest instanceof Uint8Array
      ? manifest as Bytes
      : new TextEncoder().encode(JSON.stringify(manifest));
    const digest = digestOf(bytes);
    this.#manifests.set(`${repository}@${digest}`, { bytes, mediaType });
    if (tag !== undefined) this.#tags.set(`${repository}:${tag}`, digest);
    return digest;
  }

  breakNextBlob(fault: BlobFault): void {
    this.#faults.push(fault);
  }

  revokeTokens(): void {
    this.#tokens.clear();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#server.shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(request: Request): Promise<Response> {
    const response = await this.hook?.(request) ?? await this.#answer(request);
    const { pathname, search } = new URL(request.url);
    this.log.push({
      method: request.method,
      path: pathname + search,
      authorized: request.headers.has("authorization"),
      range: request.headers.get("range") ?? undefined,
      status: response.status,
    });
    return response;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const auth = this.auth;
    if (pathname === "/token" && auth.type === "bearer") return this.#issueToken(request, auth);
    if (!this.#isAllowed(request)) return this.#challenge(pathname);
    if (pathname === "/v2/") return Response.json({});

    const [, repository = "", reference = ""] = MANIFEST_PATH.exec(pathname) ?? [];
    if (repository !== "") return await this.#serveManifest(request, repository, reference);
    const [, , digest] = BLOB_PATH.exec(pathname) ?? [];
    if (digest !== undefined) return this.#serveBlob(request, digest);
    return failure(404, "UNSUPPORTED", "not a path of this registry");
  }

  async #serveManifest(
    request: Request,
    repository: string,
    reference: string,
  ): Promise<Response> {
    if (request.method === "PUT") {
      const bytes = new Uint8Array(await request.arrayBuffer());
      if (isDigest(reference) && reference !== digestOf(bytes)) {
        return failure(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
      }
      const tag = isDigest(reference) ? undefined : reference;
      const type = request.headers.get("content-type") ?? undefined;
      const digest = this.putManifest(repository, tag, bytes, type);
      const headers = {
        "docker-content-digest": digest,
        "location": `/v2/${repository}/manifests/${digest}`,
      };
      return new Response(null, { status: 201, headers });
    }
    if (!isRead(request)) return failure(405, "UNSUPPORTED", "GET, HEAD and PUT only");
    const digest = isDigest(reference) ? reference : this.#tags.get(`${repository}:${reference}`);
    const manifest = this.#manifests.get(`${repository}@${digest}`);
    if (digest === undefined || manifest === undefined) {
      return failure(404, "MANIFEST_UNKNOWN", "manifest unknown");
    }
    const headers = {
      "content-type": manifest.mediaType,
      "content-length": String(manifest.bytes.length),
      "docker-content-digest": digest,
    };
    return new Response(request.method === "HEAD" ? null : manifest.bytes, { headers });
  }

  #serveBlob(request: Request, digest: string): Response {
    if (!isRead(request)) return failure(405, "UNSUPPORTED", "GET and HEAD only");
    const whole = isDigest(digest) ? this.#blobs.get(digest) : undefined;
    if (whole === undefined) return failure(404, "BLOB_UNKNOWN", "blob unknown to registry");

    const headers = new Headers({
      "content-type": OCTET_STREAM,
      "docker-content-digest": digest,
      "accept-ranges": "bytes",
    });
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "") ?? [];
    const first = Number(from ?? 0);
    const end = Math.min(to ? Number(to) + 1 : whole.length, whole.length);
    if (from !== undefined) {
      headers.set("content-range", `bytes ${first}-${end - 1}/${whole.length}`);
      if (first >= end) {
        headers.set("content-range", `bytes */${whole.length}`);
        return new Response(null, { status: 416, headers });
      }
    }
    const bytes = whole.subarray(first, end);
    headers.set("content-length", String(bytes.length));
    const status = from === undefined ? 200 : 206;
    if (request.method === "HEAD") return new Response(null, { status, headers });
    const fault = this.#faults.shift();
    if (fault === undefined) return new Response(bytes, { status, headers });
    if (fault.kind === "truncate") headers.delete("content-length");
    return new Response(this.#broken(bytes, fault), { status, headers });
  }

  #broken(bytes: Bytes, { kind, after }: BlobFault): ReadableStream<Bytes> | Bytes {
    if (kind === "corrupt") {
      const copy = bytes.slice();
      copy[after] = (copy[after] ?? 0) ^ 1;
      return copy;
    }
    const closing = this.#closing.signal;
    let begun = false;
    return new ReadableStream({
      async pull(controller) {
        if (!begun && after > 0) {
          begun = true;
          return controller.enqueue(bytes.slice(0, after));
        }
        if (kind === "truncate") return controller.close();
        if (kind === "stall" && !closing.aborted) {
          await new Promise((resolve) => closing.addEventListener("abort", resolve));
        }
        controller.error(new Error("broken on purpose"));
      },
    });
  }

  #isAllowed(request: Request): boolean {
    const header = request.headers.get("authorization") ?? "";
    if (this.auth.type === "none") return true;
    if (this.auth.type === "basic") return header === basic(this.auth);
    return (this.#tokens.get(header.replace(/^Bearer /, "")) ?? 0) > Date.now();
  }

  #challenge(pathname: string): Response {
    const response = failure(401, "UNAUTHORIZED", "authentication required");
    const repository = (MANIFEST_PATH.exec(pathname) ?? BLOB_PATH.exec(pathname))?.[1];
    const scope = repository === undefined ? "" : `,scope="repository:${repository}:pull"`;
    response.headers.set(
      "www-authenticate",
      this.auth.type === "basic"
        ? 'Basic realm="registry"'
        : `Bearer realm="${this.origin}/token",service="registry"${scope}`,
    );
    return response;
  }

  #issueToken(request: Request, auth: BearerAuth): Response {
    const { username, password = "", tokenLife = 300 } = auth;
    const header = request.headers.get("authorization");
    if (username !== undefined && header !== basic({ username, password })) {
      return failure(401, "UNAUTHORIZED", "incorrect username or password");
    }
    const token = crypto.randomUUID();
    this.#tokens.set(token, Date.now() + tokenLife * 1000);
    return Response.json({ token, expires_in: tokenLife, issued_at: new Date().toISOString() });
  }
}

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${new TextEncoder().encode(`${username}:${password}`).toBase64()}`;
}

/** An error as the distribution-spec wants it. */
function failure(status: number, code: string, message: string): Response {
  return Response.json({ errors: [{ code, message }] }, { status });
}
