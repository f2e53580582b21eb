import { isSyscallError } from "../../../ffi/errno.ts";
import { descriptorLimit, setDescriptorLimit } from "../../../ffi/resource_limits.ts";

/**
 * What a container may open unless its settings say it: what systemd gives every service (systemd.exec(5), LimitNOFILE), and
 * with it docker and containerd theirs by now. A program that wants more than the soft limit raises it by itself. It is as low
 * as 1024 for the others: select(2) breaks beyond, and some programs close every descriptor that there could be.
 *
 * This process's own limit is no measure: it depends on how Frontloader was started, and Deno raises the soft one.
 */
const DEFAULT = { soft: 1024, hard: 524_288 };

/**
 * Limits how many files each process of the container may have open.
 *
 * @param limit undefined for the default
 * @throws {Error} if the kernel does not allow so many
 */
export function limitOpenFiles(limit: number | undefined): void {
  if (limit !== undefined) return setTo(limit);
  try {
    setDescriptorLimit(DEFAULT);
  } catch (error) {
    // Nobody asked for it: where the hard limit may not be raised it stays as it is.
    if (!isSyscallError(error, "EPERM")) throw error;
    const own = descriptorLimit();
    setDescriptorLimit({ soft: Math.min(DEFAULT.soft, own.hard), hard: own.hard });
  }
}

function setTo(limit: number): void {
  try {
    setDescriptorLimit({ soft: limit, hard: limit });
  } catch (cause) {
    const maximum = Number(Deno.readTextFileSync("/proc/sys/fs/nr_open"));
    const reason = limit > maximum
      ? `this machine's kernel allows ${maximum} at most (fs.nr_open)`
      : `Frontloader's own limit is ${descriptorLimit().hard}, and it may not raise it`;
    throw new Error(`Cannot set "limits.filedescriptors" to ${limit}: ${reason}`, { cause });
  }
}
