import { parsePrimary } from "../parse.ts";
import type { Settings } from "../settings.ts";
import type { ConfigurationSource } from "./configuration_source.ts";

/** A primary configuration that was read. */
export interface LoadedSettings {
  readonly settings: Settings;
  /** The digest of its text, as `sha256sum` gives it: tells whether it is the one that somebody has in mind. */
  readonly digest: string;
}

/**
 * Loads and reads the primary configuration.
 *
 * @throws {ConfigurationError} with everything that is wrong with it
 * @throws {Error} if it cannot be had
 */
export async function loadPrimary(
  source: ConfigurationSource,
  signal?: AbortSignal,
): Promise<LoadedSettings> {
  const text = await source.load(signal);
  const settings = parsePrimary(text, source.description);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return { settings, digest: `sha256:${new Uint8Array(hash).toHex()}` };
}
