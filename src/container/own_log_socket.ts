import { getLogger } from "@logtape/logtape";
import type { ContainerSettings, MountSettings } from "../config/settings.ts";
import { errorChain } from "../log/error_chain.ts";

const logger = getLogger(["frontloader", "launcher"]);

/** What receives what programs log: `DeviceLog`. */
export interface DeviceLogSockets {
  /** Path of the socket that is everybody's. */
  readonly path: string;
  /** Makes one that is a container's alone, and returns what removes it. */
  addSocket(path: string, container: string): () => void;
}

/**
 * Gives an instance that mounts the machine's `/dev/log` a socket of its own in its place: what comes there is from this container,
 * also if its sender has ended before anybody could look at it.
 *
 * @param directory of the instance alone
 * @returns the mounts of the instance, and what removes the socket
 */
export function ownLogSocket(
  { id, mounts }: Pick<ContainerSettings, "id" | "mounts">,
  directory: string,
  deviceLog: DeviceLogSockets | undefined,
): { readonly mounts: readonly MountSettings[]; readonly close: () => void } {
  const shared = { mounts, close: () => {} };
  const isLog = ({ outside }: MountSettings) => outside === deviceLog?.path;
  if (deviceLog === undefined || !mounts.some(isLog)) return shared;
  const path = `${directory}/log`;
  try {
    const close = deviceLog.addSocket(path, id);
    const own = mounts.map((mount) => isLog(mount) ? { ...mount, outside: path } : mount);
    return { mounts: own, close };
  } catch (error) {
    // A run directory whose path is long, say. The container gets everybody's.
    logger.warn("What {id} logs may not be known to be its: {reason}", {
      id,
      reason: errorChain(error).join(": "),
    });
    return shared;
  }
}
