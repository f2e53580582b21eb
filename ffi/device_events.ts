/** What the kernel tells of devices that come, go and change: its uevents, on a netlink socket (netlink(7)). */
import { close, pipe, writeFully } from "./descriptors.ts";
import { Errno, SyscallError } from "./errno.ts";
import { type Bytes, errno, lazyLibc } from "./libc.ts";
import { waitUntilReadable } from "./readiness.ts";

const libc = lazyLibc({
  /** int socket(int domain, int type, int protocol); */
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen); */
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** ssize_t recv(int sockfd, void *buf, size_t len, int flags); */
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
});

const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_KOBJECT_UEVENT = 15;
/** The group of the kernel's own events; group 2 has what udev makes of them. */
const KERNEL_GROUP = 1;
/** UEVENT_BUFFER_SIZE is 2,048; the header comes before it. */
const EVENT_BYTES = 8192;

/** A uevent's variables: `ACTION`, `SUBSYSTEM`, `DEVNAME`, … */
export type DeviceEvent = ReadonlyMap<string, string>;

/** Hears the kernel's events until it is disposed of. One thread of the runtime waits for all of them, without a processor. */
export class DeviceEvents implements Disposable {
  readonly #socket: number;
  readonly #wake: { readonly readEnd: number; readonly writeEnd: number };
  #wanted = true;

  /**
   * @param onEvents called with what has come; `undefined` if there was more than the kernel could keep
   * @throws {SyscallError}
   */
  constructor(onEvents: (events: readonly DeviceEvent[] | undefined) => void) {
    const c = libc();
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.#socket = c.socket(AF_NETLINK, type, NETLINK_KOBJECT_UEVENT);
    if (this.#socket < 0) this.#fail(errno(), "socket");
    // struct sockaddr_nl { sa_family_t nl_family; unsigned short nl_pad; pid_t nl_pid; __u32 nl_groups; }
    const address = new DataView(new ArrayBuffer(12));
    address.setUint16(0, AF_NETLINK, true);
    address.setUint32(8, KERNEL_GROUP, true);
    if (c.bind(this.#socket, new Uint8Array(address.buffer), address.byteLength) !== 0) {
      const code = errno();
      close(this.#socket);
      this.#fail(code, "bind");
    }
    this.#wake = pipe();
    this.#listen(onEvents);
  }

  [Symbol.dispose](): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    // Ends the wait; whoever waited closes everything.
    writeFully(this.#wake.writeEnd, new Uint8Array(1));
  }

  async #listen(
    onEvents: (events: readonly DeviceEvent[] | undefined) => void,
  ): Promise<void> {
    while (this.#wanted) {
      await waitUntilReadable(this.#socket, this.#wake.readEnd);
      if (this.#wanted) onEvents(this.#take());
    }
    for (const fd of [this.#socket, this.#wake.readEnd, this.#wake.writeEnd]) close(fd);
  }

  #take(): readonly DeviceEvent[] | undefined {
    const events: DeviceEvent[] = [];
    const buffer: Bytes = new Uint8Array(EVENT_BYTES);
    while (true) {
      const length = Number(libc().recv(this.#socket, buffer, BigInt(buffer.length), 0));
      if (length >= 0) {
        events.push(parseDeviceEvent(buffer.subarray(0, length)));
        continue;
      }
      const code = errno();
      if (code === Errno.EINTR) continue;
      // ENOBUFS: the kernel had to drop some.
      return code === Errno.ENOBUFS ? undefined : events;
    }
  }

  #fail(code: number, syscall: string): never {
    throw new SyscallError({ syscall, action: "listen to the kernel's uevents", errno: code });
  }
}

/** @param bytes `change@/devices/virtual/block/loop0`, then `NAME=value` each, all ended by NULs */
export function parseDeviceEvent(bytes: Uint8Array): DeviceEvent {
  const [, ...variables] = new TextDecoder().decode(bytes).split("\0");
  return new Map(
    variables.filter((text) => text.includes("=")).map((text) => {
      const [name = "", ...value] = text.split("=");
      return [name, value.join("=")];
    }),
  );
}
