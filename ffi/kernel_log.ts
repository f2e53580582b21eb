/** The kernel's log, /dev/kmsg: file systems say there why they cannot be mounted. */
import { close } from "./descriptors.ts";
import { Errno } from "./errno.ts";
import { type Bytes, cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int open(const char *pathname, int flags, mode_t mode); */
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  /** off_t lseek(int fd, off_t offset, int whence); */
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  /** ssize_t read(int fd, void *buf, size_t count); */
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
});

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const SEEK_END = 2;
/** More than a record of the kernel ever has (Documentation/ABI/testing/dev-kmsg). */
const RECORD_BYTES = 8192;

/** What the kernel logs from now on. Where its log cannot be read there is nothing in it. */
export class KernelLog implements Disposable {
  readonly #fd: number;

  constructor() {
    this.#fd = libc().open(cString("/dev/kmsg"), O_NONBLOCK | O_CLOEXEC, 0);
    if (this.#fd >= 0) libc().lseek(this.#fd, 0n, SEEK_END);
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) close(this.#fd);
  }

  /** The messages since the last call. */
  take(): string[] {
    const messages: string[] = [];
    const buffer: Bytes = new Uint8Array(RECORD_BYTES);
    while (this.#fd >= 0) {
      const length = Number(libc().read(this.#fd, buffer, BigInt(buffer.length)));
      if (length < 0) {
        // EPIPE: records were overwritten before they were read; the next read goes on behind them.
        if (errno() === Errno.EPIPE) continue;
        break;
      }
      // `PRIORITY,SEQUENCE,TIME,FLAGS;MESSAGE`, then lines with keys
      const [first = ""] = new TextDecoder().decode(buffer.subarray(0, length)).split("\n");
      messages.push(first.slice(first.indexOf(";") + 1));
    }
    return messages;
  }
}
