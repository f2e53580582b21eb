import { setTimeout as delay } from "node:timers/promises";
import { getLogger } from "@logtape/logtape";
import { RegistryError } from "./registry_error.ts";

const logger = getLogger(["frontloader", "registry"]);

/** How often and how soon a request is made again, and the clock and the dice for it. */
export interface RetryPolicy {
  /** Failures in a row after which the last one is thrown. */
  readonly attempts: number;
  /** Waits for so many milliseconds, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Five attempts; with the delays of {@linkcode retryDelay} some 8 s, or 30 s where the registry says 429. */
export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 5,
  sleep: abortableSleep,
  random: Math.random,
  now: Date.now,
};

const FIRST_DELAY = 500;
const FIRST_DELAY_TOO_MANY_REQUESTS = 2_000;
const MAX_DELAY = 60_000;

/**
 * Makes an attempt again as long as it fails with a temporary {@linkcode RegistryError}.
 *
 * @throws what the last attempt threw, or the signal's reason
 */
export async function withRetry<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 1;; failures++) {
    try {
      return await attempt();
    } catch (error) {
      await sleepBeforeRetry(policy, error, failures, signal);
    }
  }
}

/**
 * Returns when it is time for the next attempt.
 *
 * @param failures how many attempts in a row failed, at least 1
 * @throws `error` itself if it is not temporary or was one too many
 */
export async function sleepBeforeRetry(
  policy: RetryPolicy,
  error: unknown,
  failures: number,
  signal?: AbortSignal,
): Promise<void> {
  if (!(error instanceof RegistryError) || !error.temporary || failures >= policy.attempts) {
    throw error;
  }
  const ms = retryDelay(error, failures, policy.random);
  logger.info("{reason}; next attempt in {ms} ms", { reason: error.message, ms });
  await policy.sleep(ms, signal);
}

/** What the registry asked for, else a delay that doubles, half of it to one and a half by chance, up to a minute. */
export function retryDelay(error: RegistryError, failures: number, random: () => number): number {
  if (error.retryAfter !== undefined) return error.retryAfter;
  const first = error.status === 429 ? FIRST_DELAY_TOO_MANY_REQUESTS : FIRST_DELAY;
  return Math.min(Math.round(first * 2 ** (failures - 1) * (0.5 + random())), MAX_DELAY);
}

/**
 * Reads a `Retry-After` header: seconds or a date (RFC 9110, section 10.2.3).
 *
 * @returns milliseconds from now, from 0 to a minute; undefined if it is neither
 */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  let ms = NaN;
  if (/^\d+$/.test(header)) ms = Number(header) * 1000;
  // All forms of a date begin with the day of the week; Date.parse alone sees one in "-1" too.
  if (/^[a-z]/i.test(header)) ms = Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_DELAY);
}

async function abortableSleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted(); // with the caller's reason, not with node's AbortError
    throw error;
  }
}
