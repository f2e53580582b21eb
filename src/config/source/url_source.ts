import { redactUrl } from "../redact_url.ts";
import type { ConfigurationSource } from "./configuration_source.ts";
import { type LoadOptions, loadText } from "./load_text.ts";

/**
 * A configuration in a file or on a web server.
 *
 * @param location a path, or a `file://`, `http://` or `https://` URL
 */
export function urlSource(
  location: string,
  options: Omit<LoadOptions, "signal"> = {},
): ConfigurationSource {
  return {
    description: redactUrl(location),
    load: (signal) => loadText(location, { ...options, signal }),
  };
}
