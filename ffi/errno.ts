/** Names of errno values, and the one error that every failed system call becomes. */

/** errno values that Linux has on x86_64 and aarch64 alike (asm-generic/errno-base.h, asm-generic/errno.h). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  ENOTBLK: 15,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOVERFLOW: 75,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  ESTALE: 116,
  EUCLEAN: 117,
  EDQUOT: 122,
  ENOMEDIUM: 123,
  ENOKEY: 126,
  EKEYREJECTED: 129,
} as const;

/** The name of an errno value, e.g. `EBUSY`. */
export type ErrnoName = keyof typeof Errno;

const names = new Map<number, string>(Object.entries(Errno).map(([name, value]) => [value, name]));

/** What a {@linkcode SyscallError} says. */
export interface SyscallErrorOptions {
  /** The system call, as its man page spells it: `mount`. */
  readonly syscall: string;
  /** What was being done, for the message: `mount "proc" on "/proc"`. */
  readonly action: string;
  /** The path it was done on, if there is one. */
  readonly path?: string;
  /** errno, as {@linkcode errno} gave it (or as the call returned it). */
  readonly errno: number;
  /** What else the kernel says about it. */
  readonly cause?: unknown;
}

/**
 * A system call that failed. Its message says what was being done, on what, and why it failed:
 * `Cannot mount "proc" on "/proc": EBUSY`.
 */
export class SyscallError extends Error {
  override readonly name = "SyscallError";
  /** The system call, as its man page spells it. */
  readonly syscall: string;
  /** The errno's name (`EBUSY`), or `errno 123` for one that has no name here. */
  readonly code: ErrnoName | `errno ${number}`;
  /** The path it was done on, if there is one. */
  readonly path: string | undefined;

  constructor({ syscall, action, path, errno, cause }: SyscallErrorOptions) {
    const code = (names.get(errno) ?? `errno ${errno}`) as SyscallError["code"];
    super(`Cannot ${action}: ${code}`, cause === undefined ? undefined : { cause });
    this.syscall = syscall;
    this.code = code;
    this.path = path;
  }
}

/** True if `error` is a failed system call with one of these codes. */
export function isSyscallError(error: unknown, ...codes: ErrnoName[]): error is SyscallError {
  return error instanceof SyscallError &&
    (codes.length === 0 || codes.includes(error.code as ErrnoName));
}
