import { bindDatagramSocket, isReceivedAt, receiveDatagram } from "../../ffi/datagrams.ts";
import { close } from "../../ffi/descriptors.ts";
import { logForeignMessage } from "./foreign_message.ts";
import { parseLocalMessage } from "./syslog/parse_local.ts";

/** A datagram has room for so much; the rest of a longer one is cut off. */
const MAX_DATAGRAM = 16_384;
/** So many that wait at the end are taken yet; more have room only if somebody goes on sending (net.unix.max_dgram_qlen). */
const MAX_LEFT = 1_000;

/** What is received is taken from here before the next is. */
const buffer = new Uint8Array(MAX_DATAGRAM);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A socket where programs log with syslog(3); what they send is put into Frontloader's log. It is one of datagrams: that is what
 * every libc tries first, and musl's the only thing.
 */
export class DeviceSocket {
  /** Its descriptor. */
  readonly fd: number;
  readonly #path: string;
  readonly #containerOf: (pid: number) => string | undefined;
  #isClosed = false;

  /**
   * @param path where the socket is made
   * @param containerOf finds the container of a process, which may have ended
   * @throws {SyscallError} EADDRINUSE if something is there, but for a socket at which nobody receives any more
   */
  constructor(path: string, containerOf: (pid: number) => string | undefined) {
    this.#path = path;
    this.#containerOf = containerOf;
    if (isLeftBehind(path)) Deno.removeSync(path);
    this.fd = bindDatagramSocket(path);
    // For every user of every container.
    Deno.chmodSync(path, 0o666);
  }

  /** Takes one message; false if none is there. */
  takeOne(): boolean {
    const datagram = receiveDatagram(this.fd, buffer);
    if (datagram === undefined) return false;
    const { bytes, pid } = datagram;
    const message = parseLocalMessage(decoder.decode(bytes));
    // A sender that does not say its pid has one all the same; what a container says is as it sees itself.
    const procId = message.procId || (pid === 0 ? "" : String(pid));
    const container = this.#containerOf(pid);
    logForeignMessage({ ...message, procId, ...container !== undefined && { container } });
    return true;
  }

  /** Takes what is there yet, and removes the socket. It may be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      Deno.removeSync(this.#path);
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    for (let i = 0; i < MAX_LEFT && this.takeOne(); i++);
    close(this.fd);
  }
}

/** True for what a Frontloader that was killed has left. Another's /dev/log is another's, a symbolic link to it included. */
function isLeftBehind(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSocket === true && !isReceivedAt(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
