/** Content digests, `sha256:<64 hex digits>` (OCI image-spec, descriptor.md#digests). */

/** A well-formed digest. Only {@linkcode parseDigest} makes one, so it is safe in a path or a URL (CVE-2024-3727). */
export type Digest = `sha256:${string}`;

const SHA256 = /^sha256:[0-9a-f]{64}$/;

/** True if `text` is a digest that Frontloader accepts: sha256, 64 lower-case hex digits. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && SHA256.test(text);
}

/**
 * Checks a digest that came from outside.
 *
 * @param text what the registry, a manifest or a person wrote
 * @throws {TypeError} if it is not `sha256:` and 64 lower-case hex digits
 */
export function parseDigest(text: unknown): Digest {
  if (isDigest(text)) return text;
  const shown = JSON.stringify(text)?.slice(0, 100);
  throw new TypeError(
    `Cannot use ${shown} as a digest: expected "sha256:" and 64 lower-case hex digits`,
  );
}

/** The 64 hex digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}
