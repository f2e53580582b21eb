/** Watchdog timers of the hardware (Documentation/watchdog/watchdog-api.rst). */
import { close, openForWriting, writeFully } from "./descriptors.ts";
import { SyscallError } from "./errno.ts";
import { errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int ioctl(int fd, unsigned long request, int *argument); */
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
});

/** `_IOWR('W', 6, int)` */
const WDIOC_SETTIMEOUT = 0xc0045706n;
/** `_IOR('W', 7, int)` */
const WDIOC_GETTIMEOUT = 0x80045707n;

/** Bytes whose meaning a watchdog's driver knows: any byte is a sign of life, and this one, last, says that no more come. */
const [ALIVE, MAGIC_CLOSE] = [new Uint8Array([0]), new TextEncoder().encode("V")];

/** A watchdog that runs: it resets the machine unless it is fed again and again. */
export class Watchdog {
  readonly #fd: number;
  readonly #path: string;
  /** Seconds within which it has to be fed. */
  readonly timeout: number;

  private constructor(path: string, fd: number, timeout: number) {
    this.#path = path;
    this.#fd = fd;
    this.timeout = timeout;
  }

  /**
   * Starts a watchdog.
   *
   * @param path `/dev/watchdog0`, say
   * @param seconds the timeout to ask for; the hardware may know only others
   * @throws {SyscallError} ENOENT if there is none, EBUSY if somebody else has it
   */
  static start(path: string, seconds: number): Watchdog {
    const fd = openForWriting(path);
    const timeout = new Int32Array([seconds]);
    // It runs from here on, whatever happens: one whose timeout cannot be changed has a fixed one.
    if (libc().ioctl(fd, WDIOC_SETTIMEOUT, timeout) === 0) {
      return new Watchdog(path, fd, timeout[0]!);
    }
    if (libc().ioctl(fd, WDIOC_GETTIMEOUT, timeout) === 0) {
      return new Watchdog(path, fd, timeout[0]!);
    }
    const code = errno();
    close(fd);
    throw new SyscallError({
      syscall: "ioctl",
      action: `ask "${path}" for its timeout`,
      path,
      errno: code,
    });
  }

  /**
   * Says that the machine is alive.
   *
   * @throws {SyscallError}
   */
  feed(): void {
    writeFully(this.#fd, ALIVE, `"${this.#path}"`);
  }

  /**
   * Stops it; the machine then goes on without. Some cannot be stopped, by the hardware's or the kernel's configuration
   * (`nowayout`).
   *
   * @throws {SyscallError}
   */
  stop(): void {
    writeFully(this.#fd, MAGIC_CLOSE, `"${this.#path}"`);
    close(this.#fd);
  }
}
