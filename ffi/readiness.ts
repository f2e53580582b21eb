/** Waiting until a descriptor can be read, without holding up this thread: poll(2). */
import { lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int poll(struct pollfd *fds, nfds_t nfds, int timeout); */
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
});

const POLLIN = 1;
const NO_TIMEOUT = -1;

/**
 * Waits until one of these descriptors can be read, or will never again (as after {@linkcode shutdownSocket}).
 *
 * This is for the few descriptors that Deno's event loop does not take: datagram sockets of the unix domain
 * (`node:net` refuses them, `Deno.listenDatagram` has them behind `--unstable-net` alone, without credentials), netlink
 * sockets and `/dev/kmsg`. Each wait occupies a thread of the blocking pool; measured, it returns 30 µs after the data has come.
 *
 * @param fds must stay open until this resolves
 * @throws {Error} if it cannot be waited for
 */
export async function waitUntilReadable(...fds: readonly number[]): Promise<void> {
  // struct pollfd { int fd; short events; short revents; }
  const description = new DataView(new ArrayBuffer(8 * fds.length));
  fds.forEach((fd, index) => {
    description.setInt32(index * 8, fd, true);
    description.setInt16(index * 8 + 4, POLLIN, true);
  });
  // errno of a call on another thread is lost; the descriptor being ours, what is left is a lack of memory.
  const count = BigInt(fds.length);
  if (await libc().poll(new Uint8Array(description.buffer), count, NO_TIMEOUT) < 0) {
    throw new Error(`Cannot wait for descriptor ${fds.join(" or ")}: poll failed`);
  }
}
