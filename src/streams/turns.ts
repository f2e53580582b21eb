/**
 * Taking turns: what writes much is handled half of this thread's time at most, all such sources together and a few
 * milliseconds in one go, so that chatty ones keep nothing else from being noticed.
 */

/** After so long others have their turn. */
export const TURN_MS = 5;

/** When the turns that were taken so far have been made up for by rest. */
let restedAt = 0;

/**
 * Tells how many milliseconds to rest after a turn.
 *
 * @param start when it began, by `performance.now()`
 * @param ms how long it took
 */
export function restAfter(start: number, ms: number): number {
  restedAt = Math.max(restedAt, start) + 2 * ms;
  // What was done since may have taken longer already.
  return Math.max(0, restedAt - performance.now());
}

/** What {@linkcode takeInTurns} takes from. */
export interface Source {
  /** Resolves when there is something to take, or the source has ended. */
  readable(): Promise<void>;
  /** Takes one piece. False if none is there. */
  takeOne(): boolean;
}

/**
 * Takes what comes, in turns.
 *
 * @param signal ends it
 */
export async function takeInTurns(source: Source, signal: AbortSignal): Promise<void> {
  let spent = 0;
  while (!signal.aborted) {
    await source.readable();
    const start = performance.now();
    let ms = 0;
    // What comes in small pieces, each of them soon taken, adds up to turns, too.
    while (!signal.aborted && source.takeOne()) {
      ms = performance.now() - start;
      if (spent + ms >= TURN_MS) break;
    }
    spent += ms;
    if (spent < TURN_MS) continue;
    const restMs = restAfter(start, spent);
    spent = 0;
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
}
