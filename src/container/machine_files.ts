import type { FileSettings } from "../config/settings.ts";

/**
 * What of the machine's `/etc` a container needs, since it shares the machine's network.
 *
 * @param hostname the container's own host name, if it has one
 */
export function machineFiles(hostname: string | undefined): FileSettings[] {
  const hosts = read("/etc/hosts") || "127.0.0.1\tlocalhost\n::1\tlocalhost\n";
  return [
    file("/etc/resolv.conf", read("/etc/resolv.conf")),
    // 127.0.1.1 is how Debian gives a host its own name; many programs look it up.
    file(
      "/etc/hosts",
      hostname === undefined ? hosts : `${hosts.trimEnd()}\n127.0.1.1\t${hostname}\n`,
    ),
    file("/etc/hostname", `${hostname ?? Deno.hostname()}\n`),
  ];
}

function file(path: string, contents: string): FileSettings {
  return { path, contents, uid: 0, gid: 0, mode: 0o644 };
}

/** A machine without one of these files is fine: the container gets an empty one. */
function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
