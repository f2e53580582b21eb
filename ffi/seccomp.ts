/**
 * The filter on the system calls of the main thread: seccomp(2).
 *
 * Other threads are left alone (no SECCOMP_FILTER_FLAG_TSYNC): execve ends them all, and only the thread that calls it goes on
 * as the program. Until then the runtime may need calls that the program may not make.
 */
import { SYS } from "./arch.ts";
import { SyscallError } from "./errno.ts";
import { addressOf, type Bytes, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** long syscall(SYS_seccomp, unsigned operation, unsigned flags, const struct sock_fprog *program); */
  seccomp: { name: "syscall", parameters: ["i64", "u32", "u32", "buffer"], result: "i64" },
});

/** linux/seccomp.h */
const SECCOMP_SET_MODE_FILTER = 1;
/**
 * Does not turn on the mitigation of Speculative Store Bypass, which makes every program slower. Kernels before 5.16 tie it to
 * filters, later ones do not; runc sets this too when a profile names no flags, as docker's does not
 * (libcontainer/specconv/spec_linux.go, SetupSeccomp).
 */
const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;

/** sizeof(struct sock_filter) */
const INSTRUCTION_BYTES = 8;

/**
 * Filters the system calls of the main thread, and of every program that it becomes or starts, for good. The thread needs
 * no_new_privs, or CAP_SYS_ADMIN.
 *
 * @param program an array of `struct sock_filter`
 * @throws {SyscallError} EINVAL if the kernel does not take the program, or has no filters (CONFIG_SECCOMP_FILTER)
 */
export function loadSeccompFilter(program: Bytes): void {
  // struct sock_fprog { unsigned short len; struct sock_filter *filter; }
  const description = new DataView(new ArrayBuffer(16));
  description.setUint16(0, program.length / INSTRUCTION_BYTES, true);
  description.setBigUint64(8, addressOf(program), true);
  const result = libc().seccomp(
    BigInt(SYS.seccomp),
    SECCOMP_SET_MODE_FILTER,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    new Uint8Array(description.buffer),
  );
  const code = errno();
  // Uses the program after the call that read it through a raw pointer, so that it cannot be collected before.
  addressOf(program);
  if (result !== 0n) {
    throw new SyscallError({ syscall: "seccomp", action: "load the filter", errno: code });
  }
}
