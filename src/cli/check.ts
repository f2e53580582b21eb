import { parseArgs } from "node:util";
import { errorChain } from "../log/error_chain.ts";
import { loadText } from "../config/load.ts";
import { detectKind, parseMeta, parsePrimary } from "../config/parse.ts";
import { ConfigurationError, formatProblem } from "../config/problem.ts";
import { redactUrl } from "../config/redact_url.ts";
import { UsageError } from "./usage_error.ts";

/** Where `check` writes. */
export interface CheckOutput {
  /** Writes a line on what is good. */
  readonly log: (line: string) => void;
  /** Writes a line on what is wrong. */
  readonly error: (line: string) => void;
}

/**
 * `frontloader check FILE|URL …`: validates meta and primary configurations, and prints one line for each that is good
 * and one for each problem of the others.
 *
 * @param output takes the lines; the console unless given
 * @returns the exit status: 1 if one of them is wrong or cannot be had
 * @throws {UsageError} if none is named
 */
export async function check(
  args: readonly string[],
  output: CheckOutput = console,
): Promise<number> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true });
  if (positionals.length === 0) {
    throw new UsageError("check needs a configuration: frontloader check FILE|URL …");
  }
  let status = 0;
  for (const location of positionals) {
    try {
      const source = redactUrl(location);
      output.log(`${source}: ${understood(await loadText(location), source)}`);
    } catch (error) {
      const lines = error instanceof ConfigurationError
        ? error.problems.map(formatProblem)
        : errorChain(error);
      for (const line of lines) output.error(line);
      status = 1;
    }
  }
  return status;
}

function understood(text: string, source: string): string {
  if (detectKind(text) === "meta") {
    const { url } = parseMeta(text, source);
    return `valid meta configuration, the primary configuration is ${redactUrl(url)}`;
  }
  const { length } = parsePrimary(text, source).containers;
  return `valid primary configuration, ${length} ${length === 1 ? "container" : "containers"}`;
}
