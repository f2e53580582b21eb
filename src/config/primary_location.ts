/** Finds out where the primary configuration is. */
import { UsageError } from "../cli/usage_error.ts";
import { type LoadOptions, loadText } from "./load.ts";
import { parseMeta } from "./parse.ts";
import { redactUrl } from "./redact_url.ts";

/** Where the primary configuration is. */
export interface PrimaryLocation {
  /** What to call it: a path, or a URL without credentials and query. */
  readonly description: string;
  /**
   * The path or URL. A meta configuration that says it is loaded at the first call and, once that worked, never again.
   *
   * @throws {ConfigurationError} if the meta configuration is wrong
   * @throws {Error} if it cannot be had
   */
  resolve(options?: LoadOptions): Promise<string>;
}

const WAYS = `Cannot find the configuration: nothing says where it is. Name it in one of these ways:
  -c URL               the configuration itself: a path, file://, http:// or https://
  FL_URL=URL           the same, from the environment or the kernel command line
  FL_META_CONFIG=URL   a meta configuration, which says where the configuration is`;

/**
 * Finds out where the primary configuration is.
 *
 * @param option the value of `-c`; it wins over everything else
 * @param environment the environment; of it `FL_URL` wins over `FL_META_CONFIG`
 * @throws {UsageError} if nothing says it
 */
export function primaryLocation(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): PrimaryLocation {
  const { FL_URL, FL_META_CONFIG, FL_ENV } = environment;
  // An empty variable is how a unit file or a kernel command line unsets one.
  const direct = option || FL_URL;
  if (direct) return { description: redactUrl(direct), resolve: () => Promise.resolve(direct) };
  if (FL_META_CONFIG) return metaLocation(FL_META_CONFIG);
  if (FL_ENV) throw new UsageError("Cannot find the configuration: FL_ENV is not supported yet");
  throw new UsageError(WAYS);
}

function metaLocation(url: string): PrimaryLocation {
  const source = redactUrl(url);
  let location: string | undefined;
  return {
    description: `named by ${source}`,
    resolve: async (options) => location ??= parseMeta(await loadText(url, options), source).url,
  };
}
