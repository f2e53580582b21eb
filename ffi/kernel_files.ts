/** Files by which the kernel takes orders: those of /proc/sys and of cgroups. */
import { close } from "./descriptors.ts";
import { SyscallError } from "./errno.ts";
import { cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int open(const char *pathname, int flags, mode_t mode); */
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  /** ssize_t write(int fd, const void *buf, size_t count); */
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
});

const O_WRONLY = 1;
const O_CLOEXEC = 0o2000000;

const encoder = new TextEncoder();

/**
 * Writes to a file that the kernel has made, by one write(2): the kernel takes each for a whole order.
 *
 * @throws {SyscallError} ENOENT if there is no such file; EINVAL among others if the kernel refuses what is written
 */
export function writeKernelFile(path: string, text: string): void {
  const action = `write to "${path}"`;
  const fd = libc().open(cString(path), O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) {
    const code = errno();
    throw new SyscallError({ syscall: "open", action, path, errno: code });
  }
  const bytes = encoder.encode(text);
  const written = libc().write(fd, bytes, BigInt(bytes.length));
  const code = errno();
  close(fd);
  if (written < 0n) throw new SyscallError({ syscall: "write", action, path, errno: code });
}
