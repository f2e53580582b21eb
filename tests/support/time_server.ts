import { createSocket, type RemoteInfo, type Socket } from "node:dgram";

/** Seconds from NTP's epoch, 1900, to the Unix epoch. */
const EPOCH_OFFSET = 2_208_988_800;
const PORT = 123;
/** Length of a packet without extensions (RFC 5905, section 7.3). */
const PACKET_BYTES = 48;

/** A server of NTP (RFC 5905) that tells this machine's time, as if it had an atomic clock. */
export class TimeServer implements AsyncDisposable {
  readonly #socket: Socket;
  /** How many have asked. */
  requests = 0;

  /** @param address where it listens; see `GuestNetwork.inside` */
  constructor(address: string) {
    this.#socket = createSocket({
      type: "udp4",
      // An address needs no lookup; with one the socket would be bound later, in another network than this one.
      lookup: (hostname, _options, callback) => callback(null, hostname, 4),
    }, (packet, from) => this.#answer(packet, from));
    this.#socket.bind(PORT, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #answer(packet: Uint8Array, { address, port }: RemoteInfo): void {
    this.requests++;
    const received = ntpTime();
    const question = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const answer = new DataView(new ArrayBuffer(PACKET_BYTES));
    // No leap second, version 4, mode 4: a server.
    answer.setUint8(0, 4 << 3 | 4);
    const [stratum, precision] = [1, -20];
    answer.setUint8(1, stratum);
    answer.setInt8(2, question.getInt8(2));
    answer.setInt8(3, precision);
    answer.setUint32(12, 0x47505300); // "GPS": what it gets its time from
    answer.setBigUint64(16, received);
    // When the question was sent, by the clock of who asks.
    answer.setBigUint64(24, question.getBigUint64(40));
    answer.setBigUint64(32, received);
    answer.setBigUint64(40, ntpTime());
    this.#socket.send(new Uint8Array(answer.buffer), port, address);
  }
}

/** Seconds since 1900 in the upper half, and their fraction in the lower one. */
function ntpTime(): bigint {
  const seconds = Date.now() / 1000 + EPOCH_OFFSET;
  return BigInt(Math.floor(seconds)) << 32n | BigInt(Math.floor(seconds % 1 * 2 ** 32));
}
