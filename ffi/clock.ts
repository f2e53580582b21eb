/** The machine's clock: clock_settime(2). */
import { SyscallError } from "./errno.ts";
import { errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int clock_settime(clockid_t clockid, const struct timespec *tp); */
  clock_settime: { parameters: ["i32", "buffer"], result: "i32" },
});

/**
 * Sets the machine's clock.
 *
 * @throws {SyscallError}
 */
export function setClock(time: Date): void {
  const CLOCK_REALTIME = 0;
  const ms = BigInt(time.getTime());
  // struct timespec { time_t tv_sec; long tv_nsec; }
  const timespec = new BigInt64Array([ms / 1000n, (ms % 1000n) * 1_000_000n]);
  if (libc().clock_settime(CLOCK_REALTIME, timespec) === 0) return;
  const code = errno();
  throw new SyscallError({
    syscall: "clock_settime",
    action: `set the clock to ${time.toISOString()}`,
    errno: code,
  });
}
