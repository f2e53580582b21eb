/** When jobs run: the one place that knows croner. */
import { Cron } from "croner";

/** Where nothing says which time zone it is. */
export const DEFAULT_TIME_ZONE = "UTC";

/**
 * Why a schedule cannot be used.
 *
 * @param schedule minute, hour, day of the month, month, day of the week; or `@daily` and its kin
 * @returns undefined if it can
 */
export function problemOf(schedule: string): string | undefined {
  try {
    // The 31st of February is well written, and never comes.
    return nextRun(schedule, { timeZone: DEFAULT_TIME_ZONE, after: new Date() }) === undefined
      ? "it never comes"
      : undefined;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    return error.message.replace(/^Cron\w*: /, "");
  }
}

/**
 * When a job runs next. At a change to summer time what falls into the hour that is left out runs right after it, and what
 * falls into the hour that comes twice runs once.
 *
 * @param schedule a valid one
 * @param options `timeZone`: an IANA name; `after`: when it ran last, or from when on
 * @returns undefined if never
 */
export function nextRun(
  schedule: string,
  { timeZone, after }: { readonly timeZone: string; readonly after: Date },
): Date | undefined {
  const cron = new Cron(schedule, { mode: "5-part", timezone: timeZone, paused: true });
  return cron.nextRun(after) ?? undefined;
}

/** True for a time zone that jobs can be run in: an IANA name (`Europe/Berlin`), not the rules that POSIX allows in TZ. */
export function isTimeZone(name: string): boolean {
  if (name === "") return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
