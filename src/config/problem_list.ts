/** Collects the problems of one text, and turns offsets into lines and columns. */
import { formatPath, type Path } from "./path.ts";
import { ConfigurationError, type Problem } from "./problem.ts";

/** More problems than anybody reads; a hostile text of 4 MiB must not become a report of gigabytes. */
const MAX_PROBLEMS = 100;

/** The problems found in one text so far. */
export class ProblemList {
  readonly #source: string;
  readonly #lineStarts: readonly number[];
  readonly #found: { readonly offset: number; readonly problem: Problem }[] = [];

  /**
   * @param text the text that offsets point into
   * @param source what to call it in messages
   */
  constructor(text: string, source: string) {
    this.#source = source;
    this.#lineStarts = [0, ...text.matchAll(/\r\n|\r|\n/g).map((end) => end.index + end[0].length)];
  }

  /** How many there are. */
  get count(): number {
    return this.#found.length;
  }

  /** True once there are as many problems as are kept; looking for more is of no use. */
  get full(): boolean {
    return this.#found.length >= MAX_PROBLEMS;
  }

  /**
   * Notes a problem.
   *
   * @param offset where it is, in UTF-16 code units from the start of the text
   * @param path the key it is about
   * @param reason what was found and what was expected
   */
  add(offset: number, path: Path, reason: string): void {
    if (this.full) return;
    const problem: Problem = {
      source: this.#source,
      line: this.line(offset),
      column: offset - this.#lineStarts[this.line(offset) - 1]! + 1,
      path: formatPath(path),
      reason,
    };
    this.#found.push({ offset, problem });
  }

  /** The line that `offset` lies in; the first is 1. */
  line(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  /** @throws {ConfigurationError} if there are problems */
  throwIfAny(): void {
    if (this.#found.length === 0) return;
    const inOrder = this.#found.toSorted((a, b) => a.offset - b.offset);
    const last = inOrder.at(-1)!.problem;
    throw new ConfigurationError([
      ...inOrder.map(({ problem }) => problem),
      ...(this.full
        ? [{ ...last, path: "", reason: "too many problems, the rest is not shown" }]
        : []),
    ]);
  }
}
