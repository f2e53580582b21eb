import { getLogger } from "@logtape/logtape";
import {
  bindDatagramSocket,
  type Datagram,
  isReceivedAt,
  receiveDatagram,
  shutdownSocket,
} from "../../ffi/datagrams.ts";
import { close } from "../../ffi/descriptors.ts";
import { waitUntilReadable } from "../../ffi/readiness.ts";
import { takeInTurns } from "../streams/turns.ts";
import { errorChain } from "./error_chain.ts";
import { logForeignMessage } from "./foreign_message.ts";
import { parseLocalMessage } from "./syslog/parse_local.ts";

const logger = getLogger(["frontloader", "devlog"]);

/** Names the socket on a machine where Frontloader is not process 1: in tests, say. */
const PATH_VARIABLE = "FL_DEV_LOG";
const DEV_LOG = "/dev/log";

/**
 * Where to receive what programs log, if at all. `/dev/log` belongs to process 1: on a machine with another init that one, or a
 * syslogd that it has started, is who receives there, even if it is only about to.
 */
export function deviceLogPath(
  environment: Readonly<Record<string, string>>,
  pid: number,
): string | undefined {
  return environment[PATH_VARIABLE] || (pid === 1 ? DEV_LOG : undefined);
}

/** A datagram has room for so much; the rest of a longer one is cut off. */
const MAX_DATAGRAM = 16_384;
/** So many that wait at the end are taken yet; more have room only if somebody goes on sending (net.unix.max_dgram_qlen). */
const MAX_LEFT = 1_000;

/**
 * The socket `/dev/log`, where programs log with syslog(3); what they send is put into Frontloader's log. It is one of datagrams:
 * that is what every libc tries first, and musl's the only thing.
 *
 * Containers mount the socket itself: one that is made anew at the same path is another, so it lasts as long as Frontloader.
 */
export class DeviceLog {
  readonly #path: string;
  readonly #fd: number;
  readonly #abort = new AbortController();
  readonly #buffer = new Uint8Array(MAX_DATAGRAM);
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #containerOf: (pid: number) => string | undefined;
  readonly #reading: Promise<void>;

  /**
   * @param path where the socket is made
   * @param containerOf finds the container of a process, which may have ended
   * @throws {SyscallError} EADDRINUSE if something is there, but for a socket at which nobody receives any more
   */
  constructor(path: string, containerOf: (pid: number) => string | undefined) {
    this.#path = path;
    this.#containerOf = containerOf;
    if (isLeftBehind(path)) Deno.removeSync(path);
    this.#fd = bindDatagramSocket(path);
    // For every user of every container.
    Deno.chmodSync(path, 0o666);
    this.#reading = this.#read();
  }

  /** Takes what is there yet, and removes the socket. */
  async close(): Promise<void> {
    try {
      Deno.removeSync(this.#path);
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    for (let i = 0; i < MAX_LEFT && this.#takeOne(); i++);
    this.#abort.abort();
    shutdownSocket(this.#fd);
    await this.#reading;
    close(this.#fd);
  }

  async #read(): Promise<void> {
    try {
      await takeInTurns({
        readable: () => waitUntilReadable(this.#fd),
        takeOne: () => this.#takeOne(),
      }, this.#abort.signal);
    } catch (error) {
      logger.error("What programs log to {path} is not received any more: {reason}", {
        path: this.#path,
        reason: errorChain(error).join(": "),
      });
    }
  }

  #takeOne(): boolean {
    const datagram = receiveDatagram(this.#fd, this.#buffer);
    if (datagram !== undefined) this.#log(datagram);
    return datagram !== undefined;
  }

  #log({ bytes, pid }: Datagram): void {
    const message = parseLocalMessage(this.#decoder.decode(bytes));
    // A sender that does not say its pid has one all the same; what a container says is as it sees itself.
    const procId = message.procId || (pid === 0 ? "" : String(pid));
    const container = this.#containerOf(pid);
    logForeignMessage({ ...message, procId, ...container !== undefined && { container } });
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
