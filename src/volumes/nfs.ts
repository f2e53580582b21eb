import type { NfsVolume } from "../config/settings.ts";

/**
 * Mounts what a server exports (NFSv4). Runs in a volume child: it may block.
 *
 * @throws {Error} if it does not work
 */
export function mountNfs(volume: NfsVolume, _signal: AbortSignal): Promise<void> {
  return Promise.reject(new Error(`Cannot mount "${volume.device}": NFS is not supported yet`));
}
