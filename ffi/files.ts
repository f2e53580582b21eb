/**
 * Files relative to an open directory. Every name is one path component or nothing is followed at its end, so
 * that no symlink can lead a call to another place than the directory it was given.
 */
import { OPEN_FLAGS } from "./arch.ts";
import { type ByteString, displayName } from "./byte_string.ts";
import { byteStringOf } from "./byte_string_of.ts";
import { Errno, SyscallError } from "./errno.ts";
import { type Bytes, cString, errno, lazyLibc } from "./libc.ts";
import { NameBuffer } from "./name_buffer.ts";

const libc = lazyLibc({
  /** int openat(int dirfd, const char *pathname, int flags, mode_t mode); */
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  /** int mkdirat(int dirfd, const char *pathname, mode_t mode); */
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** int mknodat(int dirfd, const char *pathname, mode_t mode, dev_t dev); */
  mknodat: { parameters: ["i32", "buffer", "u32", "u64"], result: "i32" },
  /** int symlinkat(const char *target, int newdirfd, const char *linkpath); */
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  /** int linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags); */
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32" },
  /** int renameat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath); */
  renameat: { parameters: ["i32", "buffer", "i32", "buffer"], result: "i32" },
  /** int unlinkat(int dirfd, const char *pathname, int flags); */
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  /** ssize_t readlinkat(int dirfd, const char *pathname, char *buf, size_t bufsiz); */
  readlinkat: { parameters: ["i32", "buffer", "buffer", "usize"], result: "isize" },
  /** ssize_t getdents64(int fd, void *dirp, size_t count); */
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  /** off_t lseek(int fd, off_t offset, int whence); */
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  /** int ftruncate(int fd, off_t length); */
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  /** mode_t umask(mode_t mask); */
  umask: { parameters: ["u32"], result: "u32" },
});

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_CLOEXEC = 0o2000000;
const { O_DIRECTORY, O_NOFOLLOW } = OPEN_FLAGS;

const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;
const SEEK_SET = 0;

const names = new NameBuffer();
const otherNames = new NameBuffer();

/** Major and minor number of a device. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** What a node is, as the type bits of its mode say (inode(7)). */
export const NodeType = {
  fifo: 0o010000,
  character: 0o020000,
  block: 0o060000,
} as const;

/** A node that has no contents of its own. */
export type NodeType = keyof typeof NodeType;

/** `code` comes first, so that errno is read before anything else is evaluated. */
function fail(code: number, syscall: string, action: string, name: ByteString): never {
  const shown = displayName(name);
  throw new SyscallError({ syscall, action: `${action} ${shown}`, path: shown, errno: code });
}

/**
 * Opens a directory of the system, following symlinks.
 *
 * @throws {SyscallError}
 */
export function openDirectoryAt(path: string): number {
  const fd = libc().openat(AT_FDCWD, cString(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd >= 0) return fd;
  const code = errno();
  throw new SyscallError({ syscall: "openat", action: `open "${path}"`, path, errno: code });
}

/**
 * Opens a directory in a directory.
 *
 * @returns undefined if there is none of this name, or something else, such as a symlink
 * @throws {SyscallError}
 */
export function openDirectory(parent: number, name: ByteString): number | undefined {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const fd = libc().openat(parent, names.put(name), flags, 0);
  if (fd >= 0) return fd;
  const code = errno();
  if (code === Errno.ENOENT || code === Errno.ENOTDIR || code === Errno.ELOOP) return undefined;
  fail(code, "openat", "open", name);
}

/**
 * Makes a file and opens it for writing.
 *
 * @returns undefined if something of this name is there already
 * @throws {SyscallError}
 */
export function createFile(parent: number, name: ByteString, mode: number): number | undefined {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const fd = libc().openat(parent, names.put(name), flags, mode);
  if (fd >= 0) return fd;
  const code = errno();
  if (code === Errno.EEXIST) return undefined;
  fail(code, "openat", "create", name);
}

/**
 * Makes a directory.
 *
 * @returns false if something of this name is there already
 * @throws {SyscallError}
 */
export function makeDirectory(parent: number, name: ByteString, mode: number): boolean {
  if (libc().mkdirat(parent, names.put(name), mode) === 0) return true;
  return existsOrFail(errno(), "mkdirat", "make the directory", name);
}

/**
 * Makes a symlink.
 *
 * @returns false if something of this name is there already
 * @throws {SyscallError}
 */
export function makeSymlink(target: ByteString, parent: number, name: ByteString): boolean {
  if (libc().symlinkat(otherNames.put(target), parent, names.put(name)) === 0) return true;
  return existsOrFail(errno(), "symlinkat", "make the symlink", name);
}

/**
 * Makes a device node or a FIFO.
 *
 * @returns false if something of this name is there already
 * @throws {SyscallError}
 */
export function makeNode(
  parent: number,
  name: ByteString,
  node: DeviceNumber & { readonly type: NodeType; readonly mode: number },
): boolean {
  const mode = NodeType[node.type] | node.mode;
  if (libc().mknodat(parent, names.put(name), mode, makeDevice(node)) === 0) return true;
  return existsOrFail(errno(), "mknodat", "make the device", name);
}

/**
 * Makes a further name for what `from` is in another directory; of a symlink, for the symlink itself.
 *
 * @returns false if something of this name is there already
 * @throws {SyscallError}
 */
export function makeHardLink(
  fromParent: number,
  from: ByteString,
  parent: number,
  name: ByteString,
): boolean {
  if (libc().linkat(fromParent, otherNames.put(from), parent, names.put(name), 0) === 0) {
    return true;
  }
  return existsOrFail(errno(), "linkat", "make the hard link", name);
}

function existsOrFail(
  code: number,
  syscall: string,
  action: string,
  name: ByteString,
): false {
  if (code === Errno.EEXIST) return false;
  fail(code, syscall, action, name);
}

/** makedev(3). The kernel has 12 bits of major and 20 of minor numbers. */
function makeDevice({ major, minor }: DeviceNumber): bigint {
  return BigInt(major) << 8n | BigInt(minor & 0xff) | BigInt(minor >>> 8) << 20n;
}

/**
 * Gives a file another place, replacing what is there.
 *
 * @throws {SyscallError}
 */
export function rename(
  fromParent: number,
  from: ByteString,
  parent: number,
  name: ByteString,
): void {
  if (libc().renameat(fromParent, otherNames.put(from), parent, names.put(name)) !== 0) {
    fail(errno(), "renameat", "rename", from);
  }
}

/**
 * Removes a name that is not a directory's.
 *
 * @throws {SyscallError} EISDIR if it is
 */
export function removeFile(parent: number, name: ByteString): void {
  if (libc().unlinkat(parent, names.put(name), 0) !== 0) fail(errno(), "unlinkat", "remove", name);
}

/**
 * Removes an empty directory.
 *
 * @throws {SyscallError}
 */
export function removeDirectory(parent: number, name: ByteString): void {
  if (libc().unlinkat(parent, names.put(name), AT_REMOVEDIR) !== 0) {
    fail(errno(), "unlinkat", "remove the directory", name);
  }
}

/**
 * The target of a symlink.
 *
 * @throws {SyscallError} EINVAL if it is none
 */
export function readLink(parent: number, name: ByteString): ByteString {
  const buffer: Bytes = new Uint8Array(4096);
  const length = Number(
    libc().readlinkat(parent, names.put(name), buffer, BigInt(buffer.length)),
  );
  if (length < 0) fail(errno(), "readlinkat", "read the symlink", name);
  return byteStringOf(buffer.subarray(0, length));
}

/**
 * The names in a directory, without `.` and `..`, in no particular order.
 *
 * @throws {SyscallError}
 */
export function listDirectory(fd: number): ByteString[] {
  seek(fd, 0);
  const found: ByteString[] = [];
  const buffer: Bytes = new Uint8Array(32 * 1024);
  const view = new DataView(buffer.buffer);
  while (true) {
    const length = Number(libc().getdents64(fd, buffer, BigInt(buffer.length)));
    if (length < 0) fail(errno(), "getdents64", "list", "");
    if (length === 0) return found;
    // struct linux_dirent64 { ino64_t d_ino; off64_t d_off; unsigned short d_reclen; unsigned char d_type; char d_name[]; }
    for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
      const name = byteStringOf(buffer.subarray(at + 19, buffer.indexOf(0, at + 19)));
      if (name !== "." && name !== "..") found.push(name);
    }
  }
}

/**
 * Sets where the next write to a file goes, or the next read.
 *
 * @throws {SyscallError}
 */
export function seek(fd: number, offset: number): void {
  if (libc().lseek(fd, BigInt(offset), SEEK_SET) < 0n) {
    fail(errno(), "lseek", `go to byte ${offset} of descriptor`, `${fd}`);
  }
}

/**
 * Sets a file's size; what is added are zeros that take no space.
 *
 * @throws {SyscallError}
 */
export function setSize(fd: number, size: number): void {
  if (libc().ftruncate(fd, BigInt(size)) !== 0) {
    fail(errno(), "ftruncate", `give ${size} bytes to descriptor`, `${fd}`);
  }
}

/** Lets every file be made with exactly the mode that is asked for. It is the whole process that has a umask. */
export function clearUmask(): void {
  libc().umask(0);
}
