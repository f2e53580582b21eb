/**
 * Extended attributes (xattr(7)) of open files, and of names in an open directory, which are never followed
 * if they are symlinks.
 */
import { bytesOf, type ByteString, displayName } from "./byte_string.ts";
import { byteStringOf } from "./byte_string_of.ts";
import { Errno, SyscallError } from "./errno.ts";
import { type Bytes, errno, lazyLibc } from "./libc.ts";
import { NameBuffer } from "./name_buffer.ts";

const libc = lazyLibc({
  /** int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags); */
  fsetxattr: { parameters: ["i32", "buffer", "buffer", "usize", "i32"], result: "i32" },
  /** int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags); */
  lsetxattr: { parameters: ["buffer", "buffer", "buffer", "usize", "i32"], result: "i32" },
  /** ssize_t fgetxattr(int fd, const char *name, void *value, size_t size); */
  fgetxattr: { parameters: ["i32", "buffer", "buffer", "usize"], result: "isize" },
  /** ssize_t flistxattr(int fd, char *list, size_t size); */
  flistxattr: { parameters: ["i32", "buffer", "usize"], result: "isize" },
});

const paths = new NameBuffer();
const names = new NameBuffer();

/**
 * As long as the longest value and the longest list of names: XATTR_SIZE_MAX and XATTR_LIST_MAX of
 * linux/limits.h.
 */
const result: Bytes = new Uint8Array(65536);

/** `code` comes first, so that errno is read before anything else is evaluated. */
function fail(code: number, syscall: string, action: string, attribute: ByteString): never {
  const shown = displayName(attribute);
  throw new SyscallError({ syscall, action: `${action} ${shown}`, errno: code });
}

/** @throws {SyscallError} */
export function setAttribute(fd: number, attribute: ByteString, value: ByteString): void {
  const bytes = bytesOf(value);
  if (libc().fsetxattr(fd, names.put(attribute), bytes, BigInt(bytes.length), 0) !== 0) {
    fail(errno(), "fsetxattr", "set the attribute", attribute);
  }
}

/** @throws {SyscallError} */
export function setAttributeAt(
  parent: number,
  name: ByteString,
  attribute: ByteString,
  value: ByteString,
): void {
  const bytes = bytesOf(value);
  // setxattrat(2) is new (Linux 6.13); the descriptor's link in /proc leads to the same directory, whatever
  // its path is now.
  const path = paths.put(`/proc/self/fd/${parent}/${name}`);
  if (libc().lsetxattr(path, names.put(attribute), bytes, BigInt(bytes.length), 0) !== 0) {
    fail(errno(), "lsetxattr", `set on ${displayName(name)} the attribute`, attribute);
  }
}

/**
 * The value of an attribute.
 *
 * @returns undefined if the file has none of this name, or its file system has none at all
 * @throws {SyscallError}
 */
export function getAttribute(fd: number, attribute: ByteString): ByteString | undefined {
  const length = Number(
    libc().fgetxattr(fd, names.put(attribute), result, BigInt(result.length)),
  );
  if (length >= 0) return byteStringOf(result.subarray(0, length));
  const code = errno();
  if (code === Errno.ENODATA || code === Errno.EOPNOTSUPP) return undefined;
  fail(code, "fgetxattr", "read the attribute", attribute);
}

/**
 * The names of all attributes.
 *
 * @throws {SyscallError}
 */
export function listAttributes(fd: number): ByteString[] {
  const length = Number(libc().flistxattr(fd, result, BigInt(result.length)));
  if (length >= 0) return byteStringOf(result.subarray(0, length)).split("\0").slice(0, -1);
  const code = errno();
  if (code === Errno.EOPNOTSUPP) return [];
  fail(code, "flistxattr", "list the attributes of descriptor", `${fd}`);
}
