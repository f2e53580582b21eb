/** Resource limits of this process, which the next program inherits: getrlimit(2), setrlimit(2). */
import { SyscallError } from "./errno.ts";
import { errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int getrlimit(int resource, struct rlimit *rlim); */
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  /** int setrlimit(int resource, const struct rlimit *rlim); */
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
});

/** asm-generic/resource.h */
const RLIMIT_NOFILE = 7;

/** A soft limit, which is in force, and the hard one, up to which a process may raise it. */
export interface ResourceLimit {
  readonly soft: number;
  readonly hard: number;
}

/**
 * The limit of open descriptors; what is highest of them is one less.
 *
 * @throws {SyscallError}
 */
export function descriptorLimit(): ResourceLimit {
  // struct rlimit { rlim_t rlim_cur; rlim_t rlim_max; }: 64 bits each
  const limit = new BigUint64Array(2);
  if (libc().getrlimit(RLIMIT_NOFILE, limit) !== 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "getrlimit",
      action: "read the limit of descriptors",
      errno: code,
    });
  }
  return { soft: Number(limit[0]), hard: Number(limit[1]) };
}

/**
 * Sets the limit of open descriptors, of all threads.
 *
 * @throws {SyscallError} EPERM if the hard limit is above fs.nr_open, or is to be raised without CAP_SYS_RESOURCE
 */
export function setDescriptorLimit({ soft, hard }: ResourceLimit): void {
  if (libc().setrlimit(RLIMIT_NOFILE, new BigUint64Array([BigInt(soft), BigInt(hard)])) !== 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "setrlimit",
      action: `limit descriptors to ${soft}, at most ${hard}`,
      errno: code,
    });
  }
}
