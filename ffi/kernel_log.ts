/** The kernel's log: `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg). */
import { Errno, SyscallError } from "./errno.ts";
import { type Bytes, cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int open(const char *pathname, int flags); */
  open: { parameters: ["buffer", "i32"], result: "i32" },
  /** off_t lseek(int fd, off_t offset, int whence); */
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  /** ssize_t read(int fd, void *buf, size_t count); */
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
});

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/** No record is longer (PRINTK_MESSAGE_MAX in kernel/printk/internal.h is 2048, before Linux 6.4 it was 8192). */
const MAX_RECORD_BYTES = 8192;

/**
 * Opens the kernel's log, at its oldest record.
 *
 * @param path `/dev/kmsg`
 * @throws {SyscallError} EPERM without CAP_SYSLOG where `kernel.dmesg_restrict` is set
 */
export function openKernelLog(path: string): number {
  const fd = libc().open(cString(path), O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) return fd;
  const code = errno();
  throw new SyscallError({ syscall: "open", action: `open "${path}"`, path, errno: code });
}

/** Passes over all records that there are. */
export function skipKernelRecords(fd: number): void {
  const SEEK_END = 2;
  libc().lseek(fd, 0n, SEEK_END);
}

/**
 * Reads the next record.
 *
 * @returns undefined if there is none yet
 * @throws {SyscallError}
 */
export function readKernelRecord(fd: number): Uint8Array | undefined {
  const record: Bytes = new Uint8Array(MAX_RECORD_BYTES);
  while (true) {
    const count = Number(libc().read(fd, record, BigInt(record.length)));
    if (count > 0) return record.subarray(0, count);
    const code = errno();
    if (count === 0 || code === Errno.EAGAIN) return undefined;
    // EPIPE: the next records were overwritten, and the one after them is next; their numbers tell how many are missing.
    if (code === Errno.EPIPE || code === Errno.EINTR) continue;
    throw new SyscallError({ syscall: "read", action: "read the kernel's log", errno: code });
  }
}
