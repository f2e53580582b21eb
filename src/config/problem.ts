/** What is wrong with a configuration, and where. */

/** One mistake in a configuration. It never holds a secret. */
export interface Problem {
  /** Where the text came from: a path, or a URL without credentials and query. */
  readonly source: string;
  /** Line of the mistake; the first is 1. */
  readonly line: number;
  /** Column in that line, in UTF-16 code units; the first is 1. */
  readonly column: number;
  /** The key it is about, `containers[1].uid`; empty for the text as a whole and for broken syntax. */
  readonly path: string;
  /** What was found and what was expected. */
  readonly reason: string;
}

/**
 * The problem on one line, as compilers print theirs, so that editors can jump to it:
 * `web.jsonc:12:14: containers[0].uid: expected a whole number from 0 to 4294967294, found "33"`.
 */
export function formatProblem({ source, line, column, path, reason }: Problem): string {
  return `${source}:${line}:${column}: ${path === "" ? "" : `${path}: `}${reason}`;
}

/** A configuration that cannot be used. The message lists every problem, one a line, in the order of the text. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  /** At least one, in the order of the text. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}
