import { parseArgs } from "node:util";

/** The parts of the bench, in their order. */
export const PARTS = ["pull", "launch", "upgrade"] as const;

/** One part of the bench. */
export type Part = typeof PARTS[number];

/** What the command line asks for. */
export interface BenchOptions {
  /** What is measured. */
  readonly parts: readonly Part[];
  /** How often; launches, which are short, four times as often. */
  readonly rounds: number;
}

/** What to say of a command line that makes no sense. */
export const OPTIONS_USAGE = `usage: ./build.sh bench [--only ${PARTS.join("|")}] [--rounds N]`;

/**
 * Parses the command line of the bench.
 *
 * @throws {TypeError} if it makes no sense
 */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values: { only, rounds } } = parseArgs({
    args: [...args],
    options: { only: { type: "string" }, rounds: { type: "string", default: "5" } },
  });
  const part = PARTS.find((part) => part === only);
  if (only !== undefined && part === undefined) {
    throw new TypeError(`Cannot measure "${only}": there is no such part`);
  }
  if (!/^[1-9][0-9]{0,3}$/.test(rounds)) {
    throw new TypeError(`Cannot measure "${rounds}" rounds: not a number from 1 to 9999`);
  }
  return { parts: part === undefined ? PARTS : [part], rounds: Number(rounds) };
}
