/** Descriptors that have no path: pipes, memfds; reading, writing and closing them without another thread. */
import { Errno, SyscallError } from "./errno.ts";
import { type Bytes, cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int pipe2(int pipefd[2], int flags); */
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  /** int close(int fd); */
  close: { parameters: ["i32"], result: "i32" },
  /** ssize_t read(int fd, void *buf, size_t count); */
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  /** ssize_t write(int fd, const void *buf, size_t count); */
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  /** int memfd_create(const char *name, unsigned int flags); */
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  /** int fcntl(int fd, int cmd, int arg); */
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** int fchown(int fd, uid_t owner, gid_t group); */
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32" },
  /** int open(const char *pathname, int flags, mode_t mode); */
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  /** int dup2(int oldfd, int newfd); */
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  /** int flock(int fd, int operation); */
  flock: { parameters: ["i32", "i32"], result: "i32" },
  /** int ioctl(int fd, unsigned long request, int *argument); */
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
});

const O_CLOEXEC = 0o2000000;

/** Both ends of a pipe; each is close-on-exec. */
export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/**
 * Makes a pipe.
 *
 * @throws {SyscallError} EMFILE if this process has too many descriptors
 */
export function pipe(): Pipe {
  const ends = new Int32Array(2);
  if (libc().pipe2(ends, O_CLOEXEC) !== 0) {
    const code = errno();
    throw new SyscallError({ syscall: "pipe2", action: "make a pipe", errno: code });
  }
  return { readEnd: ends[0]!, writeEnd: ends[1]! };
}

/**
 * Closes a descriptor. An error of close(2) says nothing that a caller could act on: on Linux the descriptor is gone all
 * the same.
 */
export function close(fd: number): void {
  libc().close(fd);
}

/**
 * Opens a file for reading; the descriptor is close-on-exec.
 *
 * @throws {SyscallError}
 */
export function openForReading(path: string): number {
  return open(path, O_CLOEXEC);
}

/**
 * Opens a file that is there for writing; the descriptor is close-on-exec.
 *
 * @throws {SyscallError}
 */
export function openForWriting(path: string): number {
  const O_WRONLY = 1;
  return open(path, O_CLOEXEC | O_WRONLY);
}

function open(path: string, flags: number): number {
  const fd = libc().open(cString(path), flags, 0);
  if (fd >= 0) return fd;
  const code = errno();
  throw new SyscallError({ syscall: "open", action: `open "${path}"`, path, errno: code });
}

/**
 * Opens a file for reading as this very descriptor, in place of what it was before.
 *
 * @throws {SyscallError}
 */
export function replaceDescriptor(fd: number, path: string): void {
  const opened = openForReading(path);
  const result = libc().dup2(opened, fd);
  const code = errno();
  close(opened);
  if (result < 0) {
    throw new SyscallError({ syscall: "dup2", action: `replace descriptor ${fd}`, errno: code });
  }
}

/**
 * Reads a descriptor to its end, on this thread.
 *
 * @throws {SyscallError}
 */
export function readToEnd(fd: number): Bytes {
  const chunks: Bytes[] = [];
  let total = 0;
  while (true) {
    const chunk: Bytes = new Uint8Array(65536);
    const count = Number(libc().read(fd, chunk, BigInt(chunk.length)));
    if (count < 0) {
      const code = errno();
      if (code === Errno.EINTR) continue;
      throw new SyscallError({ syscall: "read", action: `read descriptor ${fd}`, errno: code });
    }
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  const whole: Bytes = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/**
 * How many bytes are in a pipe and not read yet (pipe(7)).
 *
 * @throws {SyscallError}
 */
export function unreadBytes(fd: number): number {
  const FIONREAD = 0x541bn;
  const count = new Int32Array(1);
  if (libc().ioctl(fd, FIONREAD, count) !== 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "ioctl",
      action: `ask descriptor ${fd} how much there is to read`,
      errno: code,
    });
  }
  return count[0]!;
}

/**
 * Writes all of `bytes`, on this thread.
 *
 * @param describe how to name the descriptor in an error
 * @throws {SyscallError} EPIPE if nobody is left to read the other end of a pipe
 */
export function writeFully(fd: number, bytes: Uint8Array, describe = `descriptor ${fd}`): void {
  let rest = bytes as Bytes;
  while (rest.length > 0) {
    const count = Number(libc().write(fd, rest, BigInt(rest.length)));
    if (count < 0) {
      const code = errno();
      if (code === Errno.EINTR) continue;
      throw new SyscallError({ syscall: "write", action: `write to ${describe}`, errno: code });
    }
    rest = rest.subarray(count);
  }
}

/**
 * Gives an open file to another user. The pipes that become a container's output need it: a program that is not root
 * could not open `/dev/stderr` otherwise.
 *
 * @throws {SyscallError}
 */
export function changeOwner(fd: number, uid: number, gid: number): void {
  if (libc().fchown(fd, uid, gid) !== 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "fchown",
      action: `give descriptor ${fd} to ${uid}:${gid}`,
      errno: code,
    });
  }
}

/**
 * Puts a program into memory, sealed against any change, to be run with {@linkcode exec}: nothing that runs in a
 * container can reach the file it came from through `/proc/PID/exe` (CVE-2019-5736).
 *
 * @param name shown in `/proc/PID/exe` as `/memfd:NAME`
 * @param contents the program's bytes
 * @returns its descriptor
 * @throws {SyscallError}
 */
export function sealedMemfd(name: string, contents: Uint8Array): number {
  const MFD_CLOEXEC = 1;
  const MFD_ALLOW_SEALING = 2;
  const MFD_EXEC = 0x10;
  const c = libc();
  let fd = c.memfd_create(cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0) {
    // Linux before 6.3 has no MFD_EXEC: there every memfd can be executed.
    fd = c.memfd_create(cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  }
  if (fd < 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "memfd_create",
      action: `make a memfd "${name}"`,
      errno: code,
    });
  }
  try {
    writeFully(fd, contents, `memfd "${name}"`);
    const F_ADD_SEALS = 1033;
    const F_SEAL_SEAL = 1;
    const F_SEAL_SHRINK = 2;
    const F_SEAL_GROW = 4;
    const F_SEAL_WRITE = 8;
    if (c.fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !== 0) {
      const code = errno();
      throw new SyscallError({ syscall: "fcntl", action: `seal memfd "${name}"`, errno: code });
    }
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

/**
 * Takes an exclusive lock that the kernel releases when the descriptor's last copy is closed, however this process ends.
 *
 * @returns false if another process holds it
 * @throws {SyscallError}
 */
export function tryLock(fd: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const code = errno();
  if (code === Errno.EAGAIN) return false;
  throw new SyscallError({ syscall: "flock", action: `lock descriptor ${fd}`, errno: code });
}
