import { ConfigurationError, formatProblem } from "../../src/config/problem.ts";

/** What `read` says is wrong, one line a problem; empty if nothing is. */
export function problemsOf(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(formatProblem);
  }
}
