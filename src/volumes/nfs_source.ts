/** What an NFS volume's `device` says. */
export interface NfsSource {
  /** A name, or an address without brackets. */
  readonly host: string;
  /** The export's path. */
  readonly path: string;
}

/**
 * Takes `host:/export`, `192.0.2.1:/export` or `[2001:db8::1]:/export` apart.
 *
 * @throws {Error} if it is none of these
 */
export function parseNfsSource(device: string): NfsSource {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^:/[\]]+)):(\/.*)$/.exec(device);
  if (match === null) {
    throw new Error(
      `Cannot mount "${device}": it is not "host:/export", and an IPv6 address needs brackets`,
    );
  }
  const [, address, name, path] = match;
  return { host: address ?? name!, path: path! };
}
