import type { ByteString } from "./byte_string.ts";
import { Errno, SyscallError } from "./errno.ts";
import type { Bytes } from "./libc.ts";

/** PATH_MAX of linux/limits.h, which counts the terminating NUL. */
const PATH_MAX = 4096;

/**
 * A buffer that names are put into for a system call, one after the other: unpacking an image makes some
 * 50,000 calls, and none of them needs its name once it has returned.
 */
export class NameBuffer {
  readonly #bytes: Bytes = new Uint8Array(PATH_MAX);

  /**
   * The name with a NUL behind it, valid until the next call of this method.
   *
   * @throws {TypeError} if it holds a NUL, which would silently cut it short in the kernel
   * @throws {SyscallError} ENAMETOOLONG
   */
  put(name: ByteString): Bytes {
    const { length } = name;
    if (length >= PATH_MAX) {
      const action = `pass a name of ${length} bytes to the kernel`;
      throw new SyscallError({ syscall: "open", action, errno: Errno.ENAMETOOLONG });
    }
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const byte = name.charCodeAt(i);
      if (byte === 0) throw new TypeError("Cannot pass a name to the kernel: it holds a NUL");
      bytes[i] = byte;
    }
    bytes[length] = 0;
    return bytes;
  }
}
