/** Datagram sockets of the unix domain: unix(7). */
import { Errno, SyscallError } from "./errno.ts";
import { addressOf, type Bytes, cString, errno, lazyLibc } from "./libc.ts";
import { close } from "./descriptors.ts";

const libc = lazyLibc({
  /** int socket(int domain, int type, int protocol); */
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen); */
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  /** int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen); */
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** ssize_t recvmsg(int sockfd, struct msghdr *msg, int flags); */
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  /** ssize_t sendto(int sockfd, const void *buf, size_t size, int flags, const struct sockaddr *addr, socklen_t addrlen); */
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  /** int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen); */
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** int shutdown(int sockfd, int how); */
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
});

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PASSCRED = 16;
const SCM_CREDENTIALS = 2;

/** sizeof(((struct sockaddr_un *) 0)->sun_path), its NUL included */
const MAX_SOCKET_PATH = 108;

/**
 * Makes a socket that receives datagrams at a path, with the credentials of who sent them. It never blocks.
 *
 * @param path must not exist
 * @returns its descriptor, which is close-on-exec
 * @throws {SyscallError} EADDRINUSE if something is at the path, ENAMETOOLONG if that has more than 107 bytes
 */
export function bindDatagramSocket(path: string): number {
  const c = libc();
  const address = socketAddress(path);
  const fd = newSocket(SOCK_NONBLOCK);
  const one = new Uint8Array(new Int32Array([1]).buffer);
  if (
    c.setsockopt(fd, SOL_SOCKET, SO_PASSCRED, one, one.length) === 0 &&
    c.bind(fd, address, address.length) === 0
  ) return fd;
  const code = errno();
  close(fd);
  throw new SyscallError({ syscall: "bind", action: `bind to "${path}"`, path, errno: code });
}

/** A datagram that was received. */
export interface Datagram {
  /** Its first bytes; what the buffer has no room for is gone. */
  readonly bytes: Uint8Array;
  /** Who sent it, as this process sees it; 0 if it cannot see it. It may have ended since. */
  readonly pid: number;
}

/** struct msghdr, its struct iovec behind it. */
const header = new DataView(new ArrayBuffer(56 + 16));
const MSG_NAME_LENGTH = 8;
const MSG_IOV = 16;
const MSG_IOV_COUNT = 24;
const MSG_CONTROL = 32;
const MSG_CONTROL_LENGTH = 40;
const IOV_BASE = 56;
const IOV_LENGTH = 64;

/**
 * CMSG_SPACE(sizeof(struct ucred)), and not a byte more: descriptors that somebody sends along (SCM_RIGHTS) come after the
 * credentials, find no room, and are dropped by the kernel. Received, they would pile up in this process.
 */
const control = new DataView(new ArrayBuffer(32));
const CMSG_LEVEL = 8;
const CMSG_TYPE = 12;
const CMSG_DATA = 16;

/**
 * Takes the next datagram.
 *
 * @param fd as {@linkcode bindDatagramSocket} made it
 * @param buffer where its bytes are put
 * @returns undefined if none is there
 * @throws {SyscallError}
 */
export function receiveDatagram(fd: number, buffer: Bytes): Datagram | undefined {
  const headerBytes = new Uint8Array(header.buffer);
  const controlBytes = new Uint8Array(control.buffer);
  headerBytes.fill(0);
  controlBytes.fill(0);
  header.setUint32(MSG_NAME_LENGTH, 0, true);
  header.setBigUint64(MSG_IOV, addressOf(headerBytes) + BigInt(IOV_BASE), true);
  header.setBigUint64(MSG_IOV_COUNT, 1n, true);
  header.setBigUint64(MSG_CONTROL, addressOf(controlBytes), true);
  header.setBigUint64(MSG_CONTROL_LENGTH, BigInt(controlBytes.length), true);
  header.setBigUint64(IOV_BASE, addressOf(buffer), true);
  header.setBigUint64(IOV_LENGTH, BigInt(buffer.length), true);
  const MSG_CMSG_CLOEXEC = 0x40000000;
  const count = Number(libc().recvmsg(fd, headerBytes, MSG_CMSG_CLOEXEC));
  if (count < 0) {
    const code = errno();
    if (code === Errno.EAGAIN || code === Errno.EINTR) return undefined;
    throw new SyscallError({
      syscall: "recvmsg",
      action: `receive from descriptor ${fd}`,
      errno: code,
    });
  }
  const isFromKernel = control.getInt32(CMSG_LEVEL, true) === SOL_SOCKET &&
    control.getInt32(CMSG_TYPE, true) === SCM_CREDENTIALS;
  return {
    bytes: buffer.subarray(0, count),
    pid: isFromKernel ? control.getInt32(CMSG_DATA, true) : 0,
  };
}

/** Ends the receiving: whoever waits for the socket goes on. */
export function shutdownSocket(fd: number): void {
  const SHUT_RDWR = 2;
  // ENOTCONN, or it is shut down already: all the same.
  libc().shutdown(fd, SHUT_RDWR);
}

/**
 * True if somebody receives at a path.
 *
 * @throws {SyscallError}
 */
export function isReceivedAt(path: string): boolean {
  const address = socketAddress(path);
  const fd = newSocket(0);
  const result = libc().connect(fd, address, address.length);
  const code = errno();
  close(fd);
  if (result === 0) return true;
  if (code === Errno.ECONNREFUSED || code === Errno.ENOENT) return false;
  throw new SyscallError({ syscall: "connect", action: `connect to "${path}"`, path, errno: code });
}

/**
 * Sends a datagram to a path; waits until the receiver has room for it.
 *
 * @throws {SyscallError} ECONNREFUSED or ENOENT if nobody receives there, EMSGSIZE if it is too large
 */
export function sendDatagram(path: string, bytes: Uint8Array): void {
  const address = socketAddress(path);
  const fd = newSocket(0);
  const sent = libc().sendto(
    fd,
    bytes as Bytes,
    BigInt(bytes.length),
    0,
    address,
    address.length,
  );
  const code = errno();
  close(fd);
  if (sent < 0) {
    throw new SyscallError({ syscall: "sendto", action: `send to "${path}"`, path, errno: code });
  }
}

function newSocket(flags: number): number {
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0);
  if (fd >= 0) return fd;
  const code = errno();
  throw new SyscallError({ syscall: "socket", action: "make a socket", errno: code });
}

/** struct sockaddr_un */
function socketAddress(path: string): Bytes {
  const name = cString(path);
  if (name.length > MAX_SOCKET_PATH) {
    throw new SyscallError({
      syscall: "bind",
      action: `use "${path}" as a socket`,
      path,
      errno: Errno.ENAMETOOLONG,
    });
  }
  const address = new Uint8Array(2 + name.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  return address;
}
