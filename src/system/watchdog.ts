import { getLogger } from "@logtape/logtape";
import { isSyscallError } from "../../ffi/errno.ts";
import { Watchdog } from "../../ffi/watchdog.ts";
import { errorChain } from "../log/error_chain.ts";

const logger = getLogger(["frontloader", "watchdog"]);

const DEVICE = "/dev/watchdog0";
/** Seconds that this process may be out of action for, unless somebody says something else. */
const TIMEOUT = 60;
/** It is fed so many times before it would bite. */
const MEALS = 6;

/** A watchdog that is fed. */
export interface FedWatchdog {
  /** Seconds. */
  readonly timeout: number;
  /** Stops it, as far as it can be stopped. */
  stop(): void;
}

/**
 * Starts the hardware's watchdog, and feeds it from this process's event loop: once that stands still the machine is reset.
 *
 * @param seconds the timeout, as `FL_WATCHDOG` gives it: text, since it comes from the kernel's command line; "0" for none
 * @returns undefined if there is none, or none is wanted
 * @throws {SyscallError} if it cannot be used
 */
export function startWatchdog(seconds = String(TIMEOUT)): FedWatchdog | undefined {
  if (!/^\d{1,5}$/.test(seconds)) {
    throw new Error(`Cannot use "FL_WATCHDOG=${seconds}": expected a number of seconds`);
  }
  if (Number(seconds) === 0) return undefined;
  let watchdog: Watchdog;
  try {
    watchdog = Watchdog.start(DEVICE, Number(seconds));
  } catch (error) {
    if (isSyscallError(error, "ENOENT", "ENODEV")) return undefined;
    throw error;
  }
  const feed = () => {
    try {
      watchdog.feed();
    } catch (error) {
      logger.error("{reason}", { reason: errorChain(error).join(": ") });
    }
  };
  feed();
  const timer = setInterval(feed, watchdog.timeout * 1000 / MEALS);
  return {
    timeout: watchdog.timeout,
    stop() {
      clearInterval(timer);
      watchdog.stop();
    },
  };
}
