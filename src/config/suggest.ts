/** Guesses what somebody meant to write. */
import { quote } from "./path.ts";

/** Nobody means a longer name, and the effort grows with the square of the length. */
const LONGEST = 40;

/**
 * The candidate that is most like `written`, if one is like it enough. Case does not count.
 *
 * @param written the name that does not exist
 * @param candidates the names that do
 */
export function suggest(written: string, candidates: Iterable<string>): string | undefined {
  if (written.length > LONGEST) return undefined;
  let best: string | undefined;
  // A third of the letters may be wrong, one in the shortest names.
  let limit = Math.max(1, Math.floor(written.length / 3));
  for (const candidate of candidates) {
    const distance = editDistance(written.toLowerCase(), candidate.toLowerCase());
    if (distance > limit || (distance === limit && best !== undefined)) continue;
    if (distance >= candidate.length) continue;
    best = candidate;
    limit = distance;
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** Puts a suggestion behind a reason. */
export function didYouMean(suggestion: string | undefined): string {
  return suggestion === undefined ? "" : `, did you mean ${quote(suggestion)}?`;
}
