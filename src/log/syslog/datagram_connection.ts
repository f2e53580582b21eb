import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import type { SyslogConnection } from "./connection.ts";

/** After so long the name is looked up again: nothing tells when the receiver has moved. */
const ADDRESS_MS = 60_000;

/** An address as the resolver gives it. */
interface Address {
  readonly address: string;
  readonly family: number;
}

/** Messages over UDP, each in a datagram of its own: RFC 5426. Whether somebody takes them cannot be known. */
export class DatagramConnection implements SyslogConnection {
  readonly isAnswered = false;
  readonly #hostname: string;
  readonly #port: number;
  readonly #broken = Promise.withResolvers<unknown>();
  #address: Address;
  /** One for each family of addresses that the name has had. */
  readonly #sockets = new Map<number, Socket>();
  #lookedUpAt = performance.now();

  private constructor(hostname: string, port: number, address: Address) {
    this.#hostname = hostname;
    this.#port = port;
    this.#address = address;
  }

  /**
   * @param signal gives up the lookup of the name
   * @throws {Error} if the name has no address
   */
  static async open(
    hostname: string,
    port: number,
    signal: AbortSignal,
  ): Promise<DatagramConnection> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    return new DatagramConnection(hostname, port, await Promise.race([lookup(hostname), aborted]));
  }

  get broken(): Promise<unknown> {
    return this.#broken.promise;
  }

  async send(messages: readonly Uint8Array[]): Promise<number> {
    this.#refreshAddress();
    let sent = 0;
    try {
      for (const message of messages) {
        await this.#sendOne(message);
        sent++;
      }
    } catch (error) {
      this.#broken.resolve(error);
    }
    return sent;
  }

  close(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    return Promise.resolve();
  }

  async #sendOne(message: Uint8Array): Promise<void> {
    const { address, family } = this.#address;
    const socket = this.#sockets.get(family) ?? await this.#openSocket(family);
    await new Promise<void>((resolve, reject) => {
      const done = (error: Error | null) => error ? reject(error) : resolve();
      socket.send(message, this.#port, address, done);
    });
  }

  async #openSocket(family: number): Promise<Socket> {
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    this.#sockets.set(family, socket);
    // Not left to the first message: where that fails, a machine without IPv6 say, nobody would hear of it.
    socket.bind();
    await once(socket, "listening");
    socket.on("error", this.#broken.resolve);
    return socket;
  }

  /** In the background: while the name cannot be looked up, the address of before is the best that there is. */
  #refreshAddress(): void {
    if (performance.now() - this.#lookedUpAt < ADDRESS_MS) return;
    this.#lookedUpAt = performance.now();
    lookup(this.#hostname).then((address) => this.#address = address, () => {});
  }
}
