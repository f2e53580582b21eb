/** Block devices: opened for oneself alone, measured and read. */
import { close } from "./descriptors.ts";
import { Errno, SyscallError } from "./errno.ts";
import { type Bytes, cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int open(const char *pathname, int flags, mode_t mode); */
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  /** int ioctl(int fd, unsigned long request, void *argument); */
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  /** ssize_t pread(int fd, void *buf, size_t count, off_t offset); */
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
});

const O_EXCL = 0o200;
const O_CLOEXEC = 0o2000000;
/** linux/fs.h; the same on x86_64 and aarch64 */
const BLKROGET = 0x125en;
const BLKGETSIZE64 = 0x80081272n;

/** An open block device. Close it when done: `using device = BlockDevice.open(…)`. */
export class BlockDevice implements Disposable {
  readonly #fd: number;
  readonly #path: string;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  /**
   * Opens a block device for reading.
   *
   * @param options `exclusive`: as its only user (O_EXCL, open(2)). That does not keep others from opening it without the flag,
   * but whoever mounts, swaps, maps or partitions takes it exclusively
   * @throws {SyscallError} EBUSY if it, or a partition of it, has another exclusive user; ENXIO or ENOMEDIUM if nothing is there
   */
  static open(path: string, { exclusive = false } = {}): BlockDevice {
    const fd = libc().open(cString(path), O_CLOEXEC | (exclusive ? O_EXCL : 0), 0);
    if (fd >= 0) return new BlockDevice(fd, path);
    const code = errno();
    throw new SyscallError({
      syscall: "open",
      action: exclusive ? `open "${path}" as its only user` : `open "${path}"`,
      path,
      errno: code,
    });
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }

  /** A path by which another process of this user can open the same device, whatever its name is by then. */
  get pathForOthers(): string {
    return `/proc/${Deno.pid}/fd/${this.#fd}`;
  }

  /** How many bytes it has. */
  get size(): number {
    const result = new BigUint64Array(1);
    if (libc().ioctl(this.#fd, BLKGETSIZE64, new Uint8Array(result.buffer)) !== 0) {
      this.#fail(errno(), "ioctl", "read the size of");
    }
    return Number(result[0]);
  }

  /** True if it cannot be written to. */
  get isReadOnly(): boolean {
    const result = new Int32Array(1);
    if (libc().ioctl(this.#fd, BLKROGET, new Uint8Array(result.buffer)) !== 0) {
      this.#fail(errno(), "ioctl", "ask for the write protection of");
    }
    return result[0] !== 0;
  }

  /**
   * Reads all of `buffer`.
   *
   * @throws {SyscallError} EIO if the device is defective, or ends before
   */
  readInto(buffer: Bytes, offset: number): void {
    let done = 0;
    while (done < buffer.length) {
      const rest = buffer.subarray(done);
      const count = Number(
        libc().pread(this.#fd, rest, BigInt(rest.length), BigInt(offset + done)),
      );
      if (count < 0) this.#fail(errno(), "pread", `read at ${offset + done} of`);
      if (count === 0) this.#fail(Errno.EIO, "pread", `read at ${offset + done}, its end, of`);
      done += count;
    }
  }

  /** `code` comes first, so that errno is read before anything else is evaluated. */
  #fail(code: number, syscall: string, action: string): never {
    throw new SyscallError({
      syscall,
      action: `${action} "${this.#path}"`,
      path: this.#path,
      errno: code,
    });
  }
}
