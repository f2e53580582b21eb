/** Loads what runs on this machine. */
import { type LoadOptions, loadText } from "./load.ts";
import { parsePrimary } from "./parse.ts";
import type { PrimaryLocation } from "./primary_location.ts";
import { redactUrl } from "./redact_url.ts";
import type { Settings } from "./settings.ts";

/**
 * Loads and reads the primary configuration.
 *
 * @param location a path or URL as for {@linkcode loadText}, or what says where it is
 * @throws {ConfigurationError} with everything that is wrong with it
 * @throws {Error} if it cannot be had
 */
export async function loadPrimary(
  location: string | PrimaryLocation,
  options: LoadOptions = {},
): Promise<Settings> {
  const url = typeof location === "string" ? location : await location.resolve(options);
  return parsePrimary(await loadText(url, options), redactUrl(url));
}
