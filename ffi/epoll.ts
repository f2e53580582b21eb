/** A set of descriptors that is itself a descriptor, readable while one of them is: epoll(7). */
import { SyscallError } from "./errno.ts";
import { type Bytes, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int epoll_create1(int flags); */
  epoll_create1: { parameters: ["i32"], result: "i32" },
  /** int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event); */
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
});

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
/** sizeof(struct epoll_event) where it is largest; on x86_64 it is packed, and has 12 bytes. Its events come first. */
const EVENT_BYTES = 16;

/**
 * Makes an empty set. It may change while somebody waits for it: that is what poll(2) of all its members has no way to do.
 *
 * @returns its descriptor, which is close-on-exec
 * @throws {SyscallError}
 */
export function makeReadableSet(): number {
  const fd = libc().epoll_create1(EPOLL_CLOEXEC);
  if (fd >= 0) return fd;
  const code = errno();
  throw new SyscallError({ syscall: "epoll_create1", action: "make an epoll set", errno: code });
}

/**
 * Adds a descriptor to a set. It leaves the set when it is closed.
 *
 * @throws {SyscallError}
 */
export function addToReadableSet(set: number, fd: number): void {
  const event: Bytes = new Uint8Array(EVENT_BYTES);
  new DataView(event.buffer).setUint32(0, EPOLLIN, true);
  if (libc().epoll_ctl(set, EPOLL_CTL_ADD, fd, event) === 0) return;
  const code = errno();
  throw new SyscallError({ syscall: "epoll_ctl", action: `watch descriptor ${fd}`, errno: code });
}
