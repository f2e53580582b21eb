import { getLogger } from "@logtape/logtape";
import { errorChain } from "../log/error_chain.ts";

/** One step of a boot, a shutdown or an upgrade. */
export interface Phase {
  /** What the log calls it. */
  readonly name: string;
  /** @returns what came of it, for the log; nothing if its name says it all */
  run(): string | void | Promise<string | void>;
}

/** After so long a phase that has not ended is mentioned: otherwise nobody could tell which one hangs. */
const REMINDER_MS = 5_000;

/**
 * Runs phases, one after the other, and logs each by its name, so that the log reads as the list. One that fails is logged
 * and does not keep the next ones from running: a machine of which a part does not work is of more use than none.
 *
 * @param category what the list is of: `boot`, say
 * @param options `stopAtFailure`: a phase that fails is the last one, and its error the caller's
 */
export async function runPhases(
  category: string,
  phases: readonly Phase[],
  { stopAtFailure = false } = {},
): Promise<void> {
  const logger = getLogger(["frontloader", category]);
  for (const { name, run } of phases) {
    const start = performance.now();
    const ms = () => Math.round(performance.now() - start);
    const reminder = setInterval(() => {
      logger.info("{name} goes on", { name, ms: ms() });
    }, REMINDER_MS);
    try {
      const result = await run();
      const text = result ? `${name}: ${result}` : name;
      logger.info("{text}", { text, ms: ms() });
    } catch (error) {
      if (stopAtFailure) throw error;
      const reason = errorChain(error).join(": ");
      logger.error("{name} failed: {reason}", { name, reason, ms: ms() });
    } finally {
      clearInterval(reminder);
    }
  }
}
