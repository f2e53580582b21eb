import { getLogger } from "@logtape/logtape";
import { shutdownSocket } from "../../ffi/datagrams.ts";
import { close } from "../../ffi/descriptors.ts";
import { addToReadableSet, makeReadableSet } from "../../ffi/epoll.ts";
import { waitUntilReadable } from "../../ffi/readiness.ts";
import { takeInTurns } from "../streams/turns.ts";
import { DeviceSocket } from "./device_socket.ts";
import { errorChain } from "./error_chain.ts";

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

/**
 * The socket `/dev/log`, and one for each container's instance that mounts it: all that comes there is that container's, while of a
 * message at `/dev/log` itself its sender's container can be found only as long as the sender lives.
 *
 * Containers mount the socket itself, and one that is made anew at the same path is another. So each lasts as long as who has it.
 */
export class DeviceLog {
  /** Path of the socket that is everybody's. */
  readonly path: string;
  readonly #main: DeviceSocket;
  readonly #sockets: Set<DeviceSocket>;
  /** One wait for all of them, since each occupies a thread. */
  readonly #set: number;
  readonly #abort = new AbortController();
  readonly #reading: Promise<void>;

  /**
   * @param path where the socket is made
   * @param containerOf finds the container of a process, which may have ended
   * @throws {SyscallError} EADDRINUSE if something is there, but for a socket at which nobody receives any more
   */
  constructor(path: string, containerOf: (pid: number) => string | undefined) {
    this.path = path;
    this.#main = new DeviceSocket(path, containerOf);
    this.#sockets = new Set([this.#main]);
    this.#set = makeReadableSet();
    addToReadableSet(this.#set, this.#main.fd);
    this.#reading = this.#read();
  }

  /**
   * Makes a socket that is a container's alone.
   *
   * @param path where it is made
   * @param container its id
   * @returns takes what is there yet, and removes it
   * @throws {SyscallError} as the constructor
   */
  addSocket(path: string, container: string): () => void {
    const socket = new DeviceSocket(path, () => container);
    this.#sockets.add(socket);
    addToReadableSet(this.#set, socket.fd);
    return () => {
      this.#sockets.delete(socket);
      socket.close();
    };
  }

  /** Takes what is there yet, and removes the sockets. */
  async close(): Promise<void> {
    this.#abort.abort();
    // Whoever waits for the set goes on.
    shutdownSocket(this.#main.fd);
    await this.#reading;
    for (const socket of this.#sockets) socket.close();
    close(this.#set);
  }

  async #read(): Promise<void> {
    try {
      await takeInTurns({
        readable: () => waitUntilReadable(this.#set),
        takeOne: () => this.#takeOne(),
      }, this.#abort.signal);
    } catch (error) {
      logger.error("What programs log to {path} is not received any more: {reason}", {
        path: this.path,
        reason: errorChain(error).join(": "),
      });
    }
  }

  #takeOne(): boolean {
    for (const socket of this.#sockets) {
      if (!socket.takeOne()) continue;
      // It is the last in line now, so that one who floods does not keep others from being heard.
      this.#sockets.delete(socket);
      this.#sockets.add(socket);
      return true;
    }
    return false;
  }
}
