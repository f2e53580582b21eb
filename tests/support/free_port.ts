/** Below the ports that the kernel gives to whoever does not ask for one (ip_local_port_range: from 32768 on). */
const [FIRST, COUNT] = [20_000, 12_000];

/**
 * A TCP port of loopback at which nobody listens, and that nobody comes by unless somebody asks for it: who listens at port 0,
 * or connects, gets others.
 */
export function freePort(): number {
  while (true) {
    const port = FIRST + Math.floor(COUNT * Math.random());
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
