/** The latest time that the hardware clock is believed: 20 years after this system was built. */
const LIFETIME_MS = 20 * 365.25 * 24 * 60 * 60 * 1000;

/** What the kernel made of the hardware clock. */
export interface ClockState {
  /** True if it can be right. */
  readonly plausible: boolean;
  /** What to set the clock to; undefined if it may stay as it is. */
  readonly correction: Date | undefined;
}

/**
 * Judges the machine's clock: it cannot be earlier than the system that runs on it. One that is, for want of a battery say, is
 * set to the time of the build, with which certificates that were valid then are valid at least.
 *
 * @param builtAt when the system was built; undefined if nothing says it
 */
export function judgeClock(now: Date, builtAt: Date | undefined): ClockState {
  if (builtAt === undefined) return { plausible: true, correction: undefined };
  const age = now.getTime() - builtAt.getTime();
  if (age < 0) return { plausible: false, correction: builtAt };
  return { plausible: age < LIFETIME_MS, correction: undefined };
}
