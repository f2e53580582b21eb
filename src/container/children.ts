import { type ExitStatus, reap } from "../../ffi/process.ts";
import { addOwnProcess, removeOwnProcess } from "../system/own_processes.ts";

interface Waiter {
  readonly resolve: (status: ExitStatus) => void;
  readonly reject: (error: unknown) => void;
}

/** The processes whose end is awaited, by pid. */
const waiters = new Map<number, Waiter>();

/**
 * How often children are asked for besides. A signal listener does not keep the event loop alive, and this does; and should
 * a signal ever be lost, a container that has ended does not stay unnoticed.
 */
const SAFETY_NET_MS = 10_000;
let safetyNet: ReturnType<typeof setInterval> | undefined;

/**
 * Waits for the end of a child that was started with `spawn` of `ffi/spawn.ts` and collects its status, so that no zombie
 * is left. The pid cannot become another process's before this resolves.
 *
 * @param pid a child of this process that nobody else waits for
 * @returns how it ended
 */
export function waitForChild(pid: number): Promise<ExitStatus> {
  const { promise, resolve, reject } = Promise.withResolvers<ExitStatus>();
  if (waiters.size === 0) {
    Deno.addSignalListener("SIGCHLD", reapAll);
    safetyNet = setInterval(reapAll, SAFETY_NET_MS);
  }
  waiters.set(pid, { resolve, reject });
  addOwnProcess(pid);
  // It may have ended before anybody listened.
  reapOne(pid);
  return promise;
}

/** Signals of the same kind are merged while they are pending, so each one is a reason to ask for all. */
function reapAll(): void {
  for (const pid of waiters.keys()) reapOne(pid);
}

function reapOne(pid: number): void {
  const waiter = waiters.get(pid);
  if (waiter === undefined) return;
  try {
    const status = reap(pid);
    if (status === undefined) return;
    forget(pid);
    waiter.resolve(status);
  } catch (error) {
    forget(pid);
    waiter.reject(error);
  }
}

function forget(pid: number): void {
  waiters.delete(pid);
  removeOwnProcess(pid);
  if (waiters.size > 0) return;
  Deno.removeSignalListener("SIGCHLD", reapAll);
  clearInterval(safetyNet);
}

/** How a process ended, for a person: `exit status 1`, `signal 9 (SIGKILL)`. */
export function describeExit(status: ExitStatus): string {
  if (status.kind === "exited") return `exit status ${status.code}`;
  const name = SIGNAL_NAMES[status.signal];
  return `signal ${status.signal}${name === undefined ? "" : ` (${name})`}${
    status.coreDumped ? ", core dumped" : ""
  }`;
}

/** Names of the signals that end processes (signal(7)). */
const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  31: "SIGSYS",
};
