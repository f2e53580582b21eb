/** Network interfaces: netdevice(7). */
import { close } from "./descriptors.ts";
import { SyscallError } from "./errno.ts";
import { cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int socket(int domain, int type, int protocol); */
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** int ioctl(int fd, unsigned long request, struct ifreq *ifr); */
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
});

const SIOCGIFFLAGS = 0x8913n;
const SIOCSIFFLAGS = 0x8914n;
const IFF_UP = 1;
/** `struct ifreq { char ifr_name[16]; union { short ifr_flags; … }; }`, 40 bytes on 64-bit machines. */
const IFREQ_BYTES = 40;
const FLAGS_OFFSET = 16;

/**
 * Switches a network interface on, as `ip link set NAME up` does.
 *
 * @throws {SyscallError} ENODEV if there is none of that name
 */
export function bringLinkUp(name: string): void {
  const AF_INET = 2;
  const SOCK_DGRAM = 2;
  const SOCK_CLOEXEC = 0o2000000;
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(cString(name).subarray(0, FLAGS_OFFSET - 1));
  const flags = new DataView(request.buffer, FLAGS_OFFSET);
  const c = libc();
  const socket = c.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    const code = errno();
    throw new SyscallError({ syscall: "socket", action: "open a socket", errno: code });
  }
  try {
    let code = c.ioctl(socket, SIOCGIFFLAGS, request) === 0 ? 0 : errno();
    if (code === 0) {
      flags.setInt16(0, flags.getInt16(0, true) | IFF_UP, true);
      code = c.ioctl(socket, SIOCSIFFLAGS, request) === 0 ? 0 : errno();
    }
    if (code !== 0) {
      throw new SyscallError({
        syscall: "ioctl",
        action: `bring up the network interface "${name}"`,
        errno: code,
      });
    }
  } finally {
    close(socket);
  }
}
