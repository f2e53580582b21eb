/** How messages get to a receiver: UDP, TCP or TLS. */
import type { SyslogSettings } from "../../config/settings.ts";
import type { SyslogConnection } from "./connection.ts";
import { DatagramConnection } from "./datagram_connection.ts";
import { StreamConnection } from "./stream_connection.ts";

/**
 * The longest message by transport, in bytes.
 *
 * UDP: what every receiver has to take over IPv6 (RFC 5426, section 3.2). It passes any path unfragmented; of a fragmented
 * message nothing arrives when one fragment is lost. Streams: what receivers should be able to take (RFC 5425, section 4.3.1).
 */
export const MAX_MESSAGE_BYTES: Readonly<Record<SyslogSettings["transport"], number>> = {
  udp: 1180,
  tcp: 8192,
  tls: 8192,
};

/** So long it may take until a connection stands. */
const CONNECT_MS = 15_000;

/**
 * Opens a way to a receiver; its name is looked up.
 *
 * @param signal gives it up
 * @throws {Error} if it cannot be reached, or does not prove who it is
 */
export async function openConnection(
  { host, port, transport }: SyslogSettings,
  signal: AbortSignal,
): Promise<SyslogConnection> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]);
  if (transport === "udp") return await DatagramConnection.open(host, port, limit);
  const conn = await Deno.connect({ hostname: host, port, signal: limit });
  conn.setKeepAlive(true);
  return new StreamConnection(transport === "tls" ? await secure(conn, host, limit) : conn);
}

/** Versions below 1.2 are not known to Deno's TLS (rustls), and certificates are those that `fetch` trusts, too. */
async function secure(conn: Deno.TcpConn, host: string, limit: AbortSignal): Promise<Deno.TlsConn> {
  const tls = await Deno.startTls(conn, { hostname: host });
  const giveUp = () => tls.close();
  limit.addEventListener("abort", giveUp, { once: true });
  try {
    await tls.handshake();
    limit.throwIfAborted();
    return tls;
  } catch (error) {
    if (limit.aborted) throw limit.reason;
    tls.close();
    throw error;
  } finally {
    limit.removeEventListener("abort", giveUp);
  }
}

/** A receiver as people write it, such as `tls://logs.example.com:6514`. */
export function describeTarget({ host, port, transport }: SyslogSettings): string {
  return `${transport}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
