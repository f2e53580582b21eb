/**
 * A directory as the root of path look-ups: whatever symlinks lie on the way, nothing outside of it is ever reached.
 * Results are descriptors, so that nobody can exchange a path component between the look-up and its use (CVE-2021-30465).
 */
import { OPEN_FLAGS, SYS } from "./arch.ts";
import { close, writeFully } from "./descriptors.ts";
import { Errno, type ErrnoName, isSyscallError, SyscallError } from "./errno.ts";
import { setMode, setOwner } from "./file_metadata.ts";
import { type Bytes, cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int openat(int dirfd, const char *pathname, int flags, mode_t mode); */
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  /** long syscall(SYS_openat2, int dirfd, const char *pathname, struct open_how *how, size_t size); */
  openat2: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "buffer", "usize"],
    result: "i64",
  },
  /** int mkdirat(int dirfd, const char *pathname, mode_t mode); */
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** int mknodat(int dirfd, const char *pathname, mode_t mode, dev_t dev); */
  mknodat: { parameters: ["i32", "buffer", "u32", "u64"], result: "i32" },
  /** int symlinkat(const char *target, int newdirfd, const char *linkpath); */
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  /** ssize_t readlinkat(int dirfd, const char *pathname, char *buf, size_t bufsiz); */
  readlinkat: { parameters: ["i32", "buffer", "buffer", "usize"], result: "isize" },
  /** int fchdir(int fd); */
  fchdir: { parameters: ["i32"], result: "i32" },
});

const O_WRONLY = 1;
const O_TRUNC = 0o1000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = OPEN_FLAGS;
const AT_FDCWD = -100;

/** openat2(2) */
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;

const S_IFCHR = 0o020000;
const S_IFREG = 0o100000;

/** As many symlinks as the kernel follows in one look-up (path_resolution(7)). */
const MAX_SYMLINKS = 40;

/** How often a look-up is tried that races with renames. */
const MAX_TRIES = 1000;

/** Whose a file is, and who may do what with it. */
export interface FileAttributes {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
}

/** What a path leads to when it has to be made. */
export type NodeKind = "directory" | "file";

/** Opens `path` of the whole system for use as a mount source: O_PATH, following symlinks. */
export function openPath(path: string): number {
  const fd = libc().openat(AT_FDCWD, cString(path), O_PATH | O_CLOEXEC, 0);
  if (fd < 0) fail(errno(), "openat", `open "${path}"`, path);
  return fd;
}

/** The path by which an open descriptor can be given to a call that takes paths, such as mount. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** Makes the directory that `fd` refers to the current one. */
export function changeDirectory(fd: number, describe: string): void {
  if (libc().fchdir(fd) !== 0) fail(errno(), "fchdir", `change to "${describe}"`, describe);
}

/** `code` comes first, so that errno is read before anything else is evaluated. */
function fail(code: number, syscall: string, action: string, path: string): never {
  throw new SyscallError({ syscall, action, path, errno: code });
}

/** A directory as the root of path look-ups. Close it when done: `using root = RootDirectory.open(…)`. */
export class RootDirectory implements Disposable {
  readonly #fd: number;
  readonly #path: string;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  /**
   * Opens a directory of the system as a root.
   *
   * @throws {SyscallError}
   */
  static open(path: string): RootDirectory {
    const fd = libc().openat(AT_FDCWD, cString(path), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) fail(errno(), "openat", `open the root directory "${path}"`, path);
    return new RootDirectory(fd, path);
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }

  /** Makes this root the current directory. */
  enter(): void {
    changeDirectory(this.#fd, this.#path);
  }

  /**
   * Opens what `path` leads to inside this root (O_PATH): absolute symlinks and `..` stay inside.
   *
   * @throws {SyscallError}
   */
  open(path: string): number {
    return this.#openIn(path, O_PATH | O_CLOEXEC, 0);
  }

  /**
   * Opens a directory right below the root that must not be a symlink: what the kernel's own file systems go on
   * (CVE-2019-19921, CVE-2023-27561). It is made if it is missing.
   *
   * @throws {SyscallError} ELOOP or ENOTDIR if it is something else
   */
  openKernelDirectory(name: string): number {
    const c = libc();
    const bytes = cString(name);
    let fd = c.openat(this.#fd, bytes, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd >= 0) return fd;
    let code = errno();
    if (code === Errno.ENOENT) {
      this.#mkdir(this.#fd, name, `/${name}`);
      fd = c.openat(this.#fd, bytes, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
      if (fd >= 0) return fd;
      code = errno();
    }
    fail(
      code,
      "openat",
      `open "/${name}" of the image as a directory that is no symlink`,
      `/${name}`,
    );
  }

  /**
   * Opens what `path` leads to inside this root, making what is missing: directories 0755 on the way, and at its end a
   * directory or an empty file.
   *
   * @throws {SyscallError} ENOTDIR where a file is in the way, ELOOP for a loop of symlinks
   */
  openOrMake(path: string, kind: NodeKind): number {
    try {
      return this.open(path);
    } catch (error) {
      if (!isSyscallError(error, "ENOENT")) throw error;
    }
    this.#make(path, kind);
    return this.open(path);
  }

  /**
   * Writes a small file, following symlinks inside this root and making what is missing.
   *
   * @throws {SyscallError} ENXIO or EISDIR if something else is there: a FIFO of the image is never waited for
   */
  writeFile(path: string, contents: Uint8Array, { uid, gid, mode }: FileAttributes): void {
    close(this.openOrMake(path, "file"));
    const fd = this.#openIn(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0);
    try {
      // Before there is anything in it that is not for everybody. A change of owner clears setuid bits, so that comes first.
      setOwner(fd, uid, gid);
      setMode(fd, mode);
      writeFully(fd, contents, path);
    } finally {
      close(fd);
    }
  }

  /** Makes a symlink; its parent must be there. */
  symlink(target: string, path: string): void {
    const { parent, name } = this.#split(path);
    try {
      if (libc().symlinkat(cString(target), parent, cString(name)) !== 0) {
        fail(errno(), "symlinkat", `make the symlink "${path}"`, path);
      }
    } finally {
      close(parent);
    }
  }

  /** Makes a character device with mode 0666; its parent must be there. */
  makeCharacterDevice(path: string, major: number, minor: number): void {
    const { parent, name } = this.#split(path);
    try {
      // makedev(3) for numbers below 256
      if (
        libc().mknodat(parent, cString(name), S_IFCHR | 0o666, BigInt(major << 8 | minor)) !== 0
      ) {
        fail(errno(), "mknodat", `make the device "${path}"`, path);
      }
    } finally {
      close(parent);
    }
  }

  #openIn(path: string, flags: number, mode: number): number {
    // struct open_how { __u64 flags, mode, resolve; }
    const how = new BigUint64Array([
      BigInt(flags),
      BigInt(mode),
      BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS),
    ]);
    for (let tries = 1;; tries++) {
      const fd = Number(
        libc().openat2(BigInt(SYS.openat2), this.#fd, cString(path), how, BigInt(how.byteLength)),
      );
      if (fd >= 0) return fd;
      const code = errno();
      // EAGAIN: a rename elsewhere raced with "..", which the kernel then cannot vouch for; openat2(2) says try again. One who
      // renames all the time must not make this go on for ever.
      if (code !== Errno.EAGAIN || tries === MAX_TRIES) {
        fail(code, "openat2", `open "${path}" of the image`, path);
      }
    }
  }

  #split(path: string): { parent: number; name: string } {
    const slash = path.lastIndexOf("/");
    return { parent: this.open(path.slice(0, slash) || "/"), name: path.slice(slash + 1) };
  }

  #mkdir(parent: number, name: string, path: string): void {
    if (libc().mkdirat(parent, cString(name), 0o755) === 0) return;
    const code = errno();
    if (code !== Errno.EEXIST) fail(code, "mkdirat", `make the directory "${path}"`, path);
  }

  /**
   * Walks `path` one component after the other, making what is missing. Symlinks are followed by hand and `..` goes back
   * along the descriptors of the way here, so that no step can leave the root, whoever renames what in the meantime.
   */
  #make(path: string, kind: NodeKind): void {
    const c = libc();
    const todo = path.split("/").filter((part) => part !== "" && part !== ".");
    const way: number[] = [];
    let symlinks = 0;
    try {
      for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
        if (part === "..") {
          const last = way.pop();
          if (last !== undefined) close(last);
          continue;
        }
        const here = way.at(-1) ?? this.#fd;
        const name = cString(part);
        let fd = c.openat(here, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
        if (fd < 0) {
          const code = errno();
          if (code !== Errno.ENOENT) {
            fail(code, "openat", `open "${path}" of the image at "${part}"`, path);
          }
          if (todo.length === 0 && kind === "file") {
            if (c.mknodat(here, name, S_IFREG | 0o644, 0n) !== 0) {
              fail(errno(), "mknodat", `make the file "${path}"`, path);
            }
            return;
          }
          this.#mkdir(here, part, path);
          fd = c.openat(here, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
          if (fd < 0) fail(errno(), "openat", `open "${path}" of the image at "${part}"`, path);
        }
        const target = readSymlink(fd);
        if (target === undefined) {
          way.push(fd);
          continue;
        }
        close(fd);
        if (++symlinks > MAX_SYMLINKS) {
          fail(Errno.ELOOP, "openat", `open "${path}" of the image`, path);
        }
        if (target.startsWith("/")) { while (way.length > 0) close(way.pop()!); }
        todo.unshift(...target.split("/").filter((part) => part !== "" && part !== "."));
      }
    } finally {
      way.forEach(close);
    }
  }
}

const decoder = new TextDecoder();

/** The target of the symlink that `fd` (O_PATH, O_NOFOLLOW) refers to; undefined if it is none. */
function readSymlink(fd: number): string | undefined {
  const buffer: Bytes = new Uint8Array(4096);
  const length = Number(libc().readlinkat(fd, cString(""), buffer, BigInt(buffer.length)));
  if (length >= 0) return decoder.decode(buffer.subarray(0, length));
  const code = errno();
  // What readlinkat(2) says of an empty path to something that is no symlink.
  const notSymlink: ErrnoName[] = ["ENOENT", "EINVAL"];
  if (notSymlink.some((name) => Errno[name] === code)) return undefined;
  return fail(code, "readlinkat", "read a symlink of the image", descriptorPath(fd));
}
