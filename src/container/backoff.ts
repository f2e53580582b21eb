/** The first delay after a failure. */
const FIRST_MS = 1_000;
/** Delays double up to this one. */
const LONGEST_MS = 300_000;
/** Delays vary by so much in both directions, so that a fleet does not come back all at once. */
const JITTER = 0.2;

/**
 * How long to wait before the next try.
 *
 * @param failures how many tries in a row have failed: 1 or more; Infinity for the longest delay
 * @param random a number from 0 to 1, such as `Math.random()` gives
 * @returns milliseconds: about 1 s after the first failure, doubling to about 5 min
 */
export function backoffMs(failures: number, random: number): number {
  const delay = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 30), LONGEST_MS);
  return Math.round(delay * (1 + JITTER * (2 * random - 1)));
}
