import { parseArgs } from "node:util";
import { detectKind, parseMeta, parsePrimary } from "../config/parse.ts";
import { ConfigurationError, formatProblem } from "../config/problem.ts";
import type { Settings } from "../config/settings.ts";
import type { ConfigurationSource } from "../config/source/configuration_source.ts";
import { loadPrimary } from "../config/source/load_primary.ts";
import { sourceOf, type SourceServices } from "../config/source/meta_source.ts";
import { primarySource } from "../config/source/primary_source.ts";
import { urlSource } from "../config/source/url_source.ts";
import { errorChain } from "../log/error_chain.ts";
import { escapeControls } from "../log/escape_controls.ts";
import { awsServices } from "./aws_services.ts";
import { UsageError } from "./usage_error.ts";

/** Where `check` writes. */
export interface CheckOutput {
  /** Writes a line on what is good. */
  readonly log: (line: string) => void;
  /** Writes a line on what is wrong. */
  readonly error: (line: string) => void;
}

/**
 * `frontloader check [--resolve] [FILE|URL …]`: validates meta and primary configurations, and prints one line for each
 * that is good and one for each problem of the others. With `--resolve` the primary configuration that a meta
 * configuration names is validated too; without a file, what `frontloader run` would use.
 *
 * @param output takes the lines; the console unless given
 * @param environment says where AWS is, and where the configuration is if no file is named
 * @returns the exit status: 1 if one of them is wrong or cannot be had
 * @throws {UsageError} if nothing is named
 */
export async function check(
  args: readonly string[],
  output: CheckOutput = console,
  environment: Readonly<Record<string, string | undefined>> = Deno.env.toObject(),
): Promise<number> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { resolve: { type: "boolean", default: false } },
  });
  const services = awsServices(environment);
  const checks = positionals.map((location) => () =>
    checkText(urlSource(location), services, values.resolve, output)
  );
  if (checks.length === 0) {
    if (!values.resolve) throw new UsageError(USAGE);
    const { source } = primarySource(undefined, environment, services);
    checks.push(() => checkPrimary(source, output));
  }
  let status = 0;
  for (const checkOne of checks) {
    try {
      await checkOne();
    } catch (error) {
      const lines = error instanceof ConfigurationError
        ? error.problems.map(formatProblem)
        : errorChain(error);
      for (const line of lines) output.error(escapeControls(line));
      status = 1;
    }
  }
  return status;
}

const USAGE = "check needs a configuration: frontloader check [--resolve] FILE|URL …";

/** Checks what may be either kind of configuration. */
async function checkText(
  source: ConfigurationSource,
  services: SourceServices,
  resolve: boolean,
  output: CheckOutput,
): Promise<void> {
  const text = await source.load();
  if (detectKind(text) === "primary") {
    return tellPrimary(source.description, parsePrimary(text, source.description), output);
  }
  const primary = sourceOf(parseMeta(text, source.description), services);
  output.log(
    `${source.description}: valid meta configuration, the primary configuration is ${primary.description}`,
  );
  if (resolve) await checkPrimary(primary, output);
}

async function checkPrimary(source: ConfigurationSource, output: CheckOutput): Promise<void> {
  const { settings } = await loadPrimary(source);
  tellPrimary(source.description, settings, output);
}

function tellPrimary(description: string, { containers }: Settings, output: CheckOutput): void {
  const { length } = containers;
  const count = `${length} ${length === 1 ? "container" : "containers"}`;
  output.log(`${description}: valid primary configuration, ${count}`);
}
