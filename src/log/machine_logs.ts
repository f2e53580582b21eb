import { getLogger } from "@logtape/logtape";
import { DeviceLog, deviceLogPath } from "./device_log.ts";
import { errorChain } from "./error_chain.ts";
import { followKernelLog, machineKernelLog } from "./kernel_log.ts";

const logger = getLogger(["frontloader", "log"]);

/**
 * Puts what programs and, if this is process 1, the kernel log into Frontloader's log. Where that is not possible the log says so,
 * and everything else goes on.
 *
 * @param options `environment` and `pid` of this process; `containerOf`: finds the container of a process
 * @returns `deviceLog`: where programs log to, if that is received here; `close`: ends it, and takes what has been sent until then
 */
export function takeMachineLogs(
  { environment, pid, containerOf }: {
    environment: Readonly<Record<string, string>>;
    pid: number;
    containerOf: (pid: number) => string | undefined;
  },
): { readonly deviceLog: DeviceLog | undefined; readonly close: () => Promise<void> } {
  const path = deviceLogPath(environment, pid);
  const deviceLog = path === undefined
    ? undefined
    : attempt(`receive what programs log to ${path}`, () => new DeviceLog(path, containerOf));
  const abort = new AbortController();
  if (pid === 1) {
    const source = attempt("read the kernel's log", machineKernelLog);
    if (source !== undefined) void followKernelLog(source, abort.signal);
  }
  const close = async () => {
    abort.abort();
    await deviceLog?.close();
  };
  return { deviceLog, close };
}

function attempt<T>(what: string, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    const reason = errorChain(error).join(": ");
    logger.error("Cannot {what}: {reason}", { what, reason });
    return undefined;
  }
}
