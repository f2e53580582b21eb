/** Rounds of measurements, and what is made of them. */

/** What there is of several measurements of the same. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Measures all contestants once a round, so that noise of the machine hits all alike; who is first changes from round to
 * round, so that nobody always comes after the same other one. A first round warms up and does not count.
 *
 * @param options `prepareRound`: what happens before each round; `measure`: measures one contestant once
 * @returns the measurements of each contestant
 */
export async function inRounds<C extends { readonly name: string }, T>(
  { contestants, rounds, prepareRound = async () => {}, measure, onMeasured }: {
    readonly contestants: readonly C[];
    readonly rounds: number;
    readonly prepareRound?: (round: number) => Promise<void>;
    readonly measure: (contestant: C, round: number) => Promise<T>;
    readonly onMeasured: (contestant: C, round: number, measurement: T) => void;
  },
): Promise<Map<C, T[]>> {
  const all = new Map<C, T[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 0; round <= rounds; round++) {
    await prepareRound(round);
    const first = round % contestants.length;
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      const measurement = await measure(contestant, round);
      onMeasured(contestant, round, measurement);
      if (round > 0) all.get(contestant)!.push(measurement);
    }
  }
  return all;
}

/** Median and extremes; of an even number of values, the mean of the middle two is the median. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!,
  };
}
