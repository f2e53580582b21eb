/**
 * Where an image is: which registry, which repository, which tag or digest.
 *
 * The grammar is that of distribution/reference (as docker reads names) and of the OCI distribution-spec (`<name>`
 * and `<reference>`); a manifest URL of the registry's API names the same things.
 */
import { type Digest, parseDigest } from "./digest.ts";

/** An image in a registry. Only well-formed parts get in, so they are safe in a URL. */
export interface ImageReference {
  /** The origin of the registry's API, `https://registry.example:5000`. */
  readonly origin: string;
  /** The repository in the registry, `library/nginx`. */
  readonly repository: string;
  /** Absent only where a digest alone names the image. */
  readonly tag?: string;
  /** The digest of the manifest, if it is pinned. It wins over the tag. */
  readonly digest?: Digest;
}

/** The parts of a path, not yet checked. */
interface RawParts {
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

const MAX_TEXT = 1024;
const MAX_REPOSITORY = 255;

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
const HOST = new RegExp(
  `^(?:\\[[0-9a-f:.]{2,45}\\]|${LABEL}(?:\\.${LABEL})*)(?::[1-9][0-9]{0,4})?$`,
  "i",
);
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const MANIFEST_PATH = /^v2\/(.+)\/manifests\/([^/]+)$/;

/** The host in the names of Docker Hub's images is not the one that answers for its API. */
const DOCKER_HUB = "docker.io";
const DOCKER_HUB_API = "registry-1.docker.io";
const DOCKER_HUB_HOSTS: readonly string[] = [DOCKER_HUB, "index.docker.io", DOCKER_HUB_API];

/**
 * Reads an image reference or a manifest URL. https is used unless `http://` is written in front.
 *
 * - `https://host/v2/name/manifests/tag-or-digest`
 * - `host:port/name:tag`, `host/name@sha256:…`, `host/name:tag@sha256:…`; `latest` if neither tag nor digest is given
 * - `nginx`, `team/app:1`: on Docker Hub. The first component is a host only if it has a "." or a ":", is `localhost`,
 *   or follows a scheme.
 *
 * @throws {TypeError} if it is none of these; the message shows neither credentials nor a query
 */
export function parseReference(text: string): ImageReference {
  try {
    return parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TypeError(`Cannot use ${redact(text)} as an image reference: ${why}`);
  }
}

/** The reference as it is shown in logs; {@linkcode parseReference} reads it back as the same reference. */
export function formatReference(ref: ImageReference): string {
  const url = new URL(ref.origin);
  const host = url.host === DOCKER_HUB_API ? DOCKER_HUB : url.host;
  const scheme = url.protocol === "https:" && looksLikeHost(host) ? "" : `${url.protocol}//`;
  const tag = ref.tag === undefined ? "" : `:${ref.tag}`;
  const digest = ref.digest === undefined ? "" : `@${ref.digest}`;
  return `${scheme}${host}/${ref.repository}${tag}${digest}`;
}

/** The URL of the manifest in the registry's API (distribution-spec, end-3). */
export function manifestUrl(ref: ImageReference): URL {
  return new URL(
    `/v2/${ref.repository}/manifests/${ref.digest ?? ref.tag ?? "latest"}`,
    ref.origin,
  );
}

/** The same image, pinned to a digest. */
export function withDigest(ref: ImageReference, digest: Digest): ImageReference {
  return { ...ref, digest };
}

function parse(text: string): ImageReference {
  if (text.length > MAX_TEXT) throw new Error(`longer than ${MAX_TEXT} characters`);
  const scheme = SCHEME.exec(text)?.[1];
  const rest = scheme === undefined ? text : text.slice(scheme.length + "://".length);
  if (/[?#]/.test(rest)) throw new Error("a query or fragment has no meaning in it");

  const slash = rest.indexOf("/");
  const first = slash < 0 ? "" : rest.slice(0, slash);
  if (first.includes("@")) throw new Error("credentials do not belong in it");
  if (scheme !== undefined && slash < 0) throw new Error("it names no repository");
  const hasHost = scheme !== undefined || looksLikeHost(first);
  const origin = parseOrigin(scheme ?? "https", hasHost ? first : DOCKER_HUB);
  const path = hasHost ? rest.slice(slash + 1) : rest;

  const raw = scheme !== undefined && path.startsWith("v2/")
    ? splitManifestPath(path)
    : splitName(path);
  const onHub = new URL(origin).host === DOCKER_HUB_API;
  const repository = onHub && !raw.repository.includes("/")
    ? `library/${raw.repository}`
    : raw.repository;

  checkRepository(repository);
  const digest = raw.digest === undefined ? undefined : parseDigest(raw.digest);
  const tag = raw.tag ?? (digest === undefined ? "latest" : undefined);
  if (tag !== undefined && !TAG.test(tag)) {
    throw new Error('malformed tag: expected at most 128 letters, digits, "_", "." and "-"');
  }
  return {
    origin,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}

function looksLikeHost(text: string): boolean {
  return /[.:]/.test(text) || text === "localhost";
}

function parseOrigin(scheme: string, host: string): string {
  if (!/^https?$/i.test(scheme)) throw new Error("expected https:// or http://");
  const url = HOST.test(host) ? URL.parse(`${scheme}://${host}`) : null;
  // The URL parser makes an address of "127.1" or "0x7f.1", which nobody means as a host.
  const name = host.replace(/:[0-9]+$/, "").toLowerCase();
  if (url === null || (url.hostname !== name && !name.startsWith("["))) {
    throw new Error("malformed host or port");
  }
  if (DOCKER_HUB_HOSTS.includes(url.host)) url.host = DOCKER_HUB_API;
  return url.origin;
}

function splitManifestPath(path: string): RawParts {
  const [, repository, identifier] = MANIFEST_PATH.exec(path) ?? [];
  if (repository === undefined || identifier === undefined) {
    throw new Error("expected the path /v2/<name>/manifests/<tag or digest>");
  }
  return identifier.includes(":")
    ? { repository, digest: identifier }
    : { repository, tag: identifier };
}

function splitName(path: string): RawParts {
  const at = path.indexOf("@");
  const name = at < 0 ? path : path.slice(0, at);
  const digest = at < 0 ? undefined : path.slice(at + 1);
  const colon = name.indexOf(":");
  return colon < 0
    ? { repository: name, digest }
    : { repository: name.slice(0, colon), tag: name.slice(colon + 1), digest };
}

function checkRepository(repository: string): void {
  if (repository.length > MAX_REPOSITORY) {
    throw new Error(`repository longer than ${MAX_REPOSITORY} characters`);
  }
  if (!repository.split("/").every((component) => COMPONENT.test(component))) {
    throw new Error(
      'malformed repository: expected lower-case letters and digits, between them ".", "_", "-" or "/"',
    );
  }
}

/** Quotes `text` without what may be a secret: user information and queries. */
function redact(text: string): string {
  const shown = text.replace(/[?#].*$/s, "?…").replace(/^.*@(?!sha256:)/s, "…@");
  return JSON.stringify(shown.length > 200 ? `${shown.slice(0, 200)}…` : shown);
}
