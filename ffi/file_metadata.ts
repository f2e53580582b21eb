/**
 * Owner, mode and times of files: of open ones, and of names in an open directory, which are never followed
 * if they are symlinks.
 */
import { type ByteString, displayName } from "./byte_string.ts";
import { Errno, SyscallError } from "./errno.ts";
import { type Bytes, errno, lazyLibc } from "./libc.ts";
import { NameBuffer } from "./name_buffer.ts";

const libc = lazyLibc({
  /** int fchown(int fd, uid_t owner, gid_t group); */
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32" },
  /** int fchownat(int dirfd, const char *pathname, uid_t owner, gid_t group, int flags); */
  fchownat: { parameters: ["i32", "buffer", "u32", "u32", "i32"], result: "i32" },
  /** int fchmod(int fd, mode_t mode); */
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  /** int fchmodat(int dirfd, const char *pathname, mode_t mode, int flags); */
  fchmodat: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  /** int fstatfs(int fd, struct statfs *buf); */
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  /** int futimens(int fd, const struct timespec times[2]); */
  futimens: { parameters: ["i32", "buffer"], result: "i32" },
  /** int utimensat(int dirfd, const char *pathname, const struct timespec times[2], int flags); */
  utimensat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  /** int statx(int dirfd, const char *pathname, int flags, unsigned int mask, struct statx *statxbuf); */
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
});

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

const names = new NameBuffer();

/** A point in time. */
export interface FileTime {
  /** Since 1970. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What kind of file it is. */
export type FileType =
  | "file"
  | "directory"
  | "symlink"
  | "fifo"
  | "character"
  | "block"
  | "socket";

/** What the kernel knows of a file. */
export interface FileStatus {
  readonly type: FileType;
  /** Permissions, with the set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: FileTime;
  /** Numbers of the device that it is. */
  readonly device: { readonly major: number; readonly minor: number };
}

/** Type bits of a mode (inode(7)). */
const TYPES: Readonly<Record<number, FileType>> = {
  0o01: "fifo",
  0o02: "character",
  0o04: "directory",
  0o06: "block",
  0o10: "file",
  0o12: "symlink",
  0o14: "socket",
};

/** `code` comes first, so that errno is read before anything else is evaluated. */
function fail(code: number, syscall: string, action: string, name: ByteString): never {
  const shown = displayName(name);
  throw new SyscallError({ syscall, action: `${action} ${shown}`, path: shown, errno: code });
}

/** @throws {SyscallError} */
export function setOwner(fd: number, uid: number, gid: number): void {
  if (libc().fchown(fd, uid, gid) !== 0) {
    fail(errno(), "fchown", `give to ${uid}:${gid} descriptor`, `${fd}`);
  }
}

/** @throws {SyscallError} */
export function setOwnerAt(parent: number, name: ByteString, uid: number, gid: number): void {
  if (libc().fchownat(parent, names.put(name), uid, gid, AT_SYMLINK_NOFOLLOW) !== 0) {
    fail(errno(), "fchownat", `give to ${uid}:${gid}`, name);
  }
}

/** @throws {SyscallError} */
export function setMode(fd: number, mode: number): void {
  if (libc().fchmod(fd, mode) !== 0) fail(errno(), "fchmod", "set the mode of descriptor", `${fd}`);
}

/**
 * Sets the mode of a name that is known not to be a symlink.
 *
 * @throws {SyscallError}
 */
export function setModeAt(parent: number, name: ByteString, mode: number): void {
  // fchmodat(2) takes no flags; that of fchmodat2 (Linux 6.6) is not needed for a name in a directory that
  // nobody else writes to.
  if (libc().fchmodat(parent, names.put(name), mode, 0) !== 0) {
    fail(errno(), "fchmodat", "set the mode of", name);
  }
}

/** sizeof(struct statfs) is 120 on both architectures. */
const statfsBuffer: Bytes = new Uint8Array(120);
const statfsView = new DataView(statfsBuffer.buffer);

/**
 * The kind of file system that a descriptor is in: a number of linux/magic.h.
 *
 * @throws {SyscallError}
 */
export function fileSystemType(fd: number): number {
  if (libc().fstatfs(fd, statfsBuffer) !== 0) {
    fail(errno(), "fstatfs", "tell the file system of descriptor", `${fd}`);
  }
  // __fsword_t f_type comes first, of 64 bits.
  return Number(statfsView.getBigInt64(0, true));
}

/** `struct timespec[2]`: access and modification time, each `{ time_t tv_sec; long tv_nsec; }` of 64 bits. */
const times: Bytes = new Uint8Array(32);
const timesView = new DataView(times.buffer);

/** 64-bit numbers in halves, as this is done for every file, and as a BigInt each would have to be allocated. */
function timespecs({ seconds, nanoseconds }: FileTime): Bytes {
  for (const at of [0, 16]) {
    timesView.setUint32(at, seconds, true);
    timesView.setInt32(at + 4, Math.floor(seconds / 2 ** 32), true);
    timesView.setUint32(at + 8, nanoseconds, true);
  }
  return times;
}

/**
 * Sets access and modification time.
 *
 * @throws {SyscallError}
 */
export function setTime(fd: number, time: FileTime): void {
  if (libc().futimens(fd, timespecs(time)) !== 0) {
    fail(errno(), "futimens", "set the times of descriptor", `${fd}`);
  }
}

/**
 * Sets access and modification time.
 *
 * @throws {SyscallError}
 */
export function setTimeAt(parent: number, name: ByteString, time: FileTime): void {
  const result = libc().utimensat(parent, names.put(name), timespecs(time), AT_SYMLINK_NOFOLLOW);
  if (result !== 0) fail(errno(), "utimensat", "set the times of", name);
}

const status: Bytes = new Uint8Array(256);
const statusView = new DataView(status.buffer);

/**
 * What a name in a directory is.
 *
 * @returns undefined if there is nothing of this name
 * @throws {SyscallError}
 */
export function statusAt(parent: number, name: ByteString): FileStatus | undefined {
  const flags = AT_SYMLINK_NOFOLLOW;
  if (libc().statx(parent, names.put(name), flags, STATX_BASIC_STATS, status) === 0) {
    return readStatus();
  }
  const code = errno();
  if (code === Errno.ENOENT) return undefined;
  fail(code, "statx", "look at", name);
}

/**
 * What an open file is.
 *
 * @throws {SyscallError}
 */
export function statusOf(fd: number): FileStatus {
  if (libc().statx(fd, names.put(""), AT_EMPTY_PATH, STATX_BASIC_STATS, status) === 0) {
    return readStatus();
  }
  fail(errno(), "statx", "look at descriptor", `${fd}`);
}

/** `struct statx` (linux/stat.h), which is the same on every architecture, as `struct stat` is not. */
function readStatus(): FileStatus {
  const mode = statusView.getUint16(28, true);
  return {
    type: TYPES[mode >> 12]!,
    mode: mode & 0o7777,
    uid: statusView.getUint32(20, true),
    gid: statusView.getUint32(24, true),
    size: Number(statusView.getBigUint64(40, true)),
    mtime: {
      seconds: Number(statusView.getBigInt64(112, true)),
      nanoseconds: statusView.getUint32(120, true),
    },
    device: { major: statusView.getUint32(128, true), minor: statusView.getUint32(132, true) },
  };
}
