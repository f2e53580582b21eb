/** Where the script that configures interfaces notes what it has been told; gone when there is no address. */
const LEASE = "/run/network/lease";

/** The machine's address, and what came with it. */
export interface Lease {
  readonly interface: string;
  /** `192.0.2.7/24` */
  readonly address: string;
  readonly gateway: string;
  readonly timeServers: readonly string[];
}

/** What the machine's address is; undefined if it has none. */
export function readLease(
  read: (path: string) => string = Deno.readTextFileSync,
): Lease | undefined {
  let text: string;
  try {
    text = read(LEASE);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const values = new Map(
    text.split("\n").map((line) => {
      const equals = line.indexOf("=");
      return [line.slice(0, equals), line.slice(equals + 1)] as const;
    }),
  );
  return {
    interface: values.get("interface") ?? "",
    address: values.get("address") ?? "",
    gateway: values.get("gateway") ?? "",
    timeServers: (values.get("ntp") ?? "").split(" ").filter((server) => server !== ""),
  };
}
