import { getLogger } from "@logtape/logtape";
import { openKernelLog, readKernelRecord } from "../../ffi/kernel_log.ts";
import { waitUntilReadable } from "../../ffi/readiness.ts";
import { takeInTurns } from "../streams/turns.ts";
import { errorChain } from "./error_chain.ts";
import { logForeignMessage } from "./foreign_message.ts";
import { OverwrittenMessages } from "./overwritten.ts";
import { Facility, parsePriority, type Priority } from "./syslog/priority.ts";

const logger = getLogger(["frontloader", "kernel"]);

/** A record of the kernel's log. */
export interface KernelRecord extends Priority {
  /** Its number; the next one's is higher by 1. */
  readonly sequence: number;
  /** When it is from, in milliseconds since the start of the machine. */
  readonly uptimeMs: number;
  readonly text: string;
}

/**
 * Reads a record as `/dev/kmsg` gives it out: `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,…];TEXT`, then lines ` KEY=VALUE` for programs
 * (Documentation/ABI/testing/dev-kmsg).
 *
 * @returns undefined if it has another form
 */
export function parseKernelRecord(text: string): KernelRecord | undefined {
  const [, number, sequence, microseconds, line] = /^(\d+),(\d+),(\d+),[^;]*;([^\n]*)/.exec(text) ??
    [];
  const priority = parsePriority(Number(number));
  if (line === undefined || priority === undefined) return undefined;
  return {
    ...priority,
    sequence: Number(sequence),
    uptimeMs: Number(microseconds) / 1000,
    text: line,
  };
}

/** Where records come from. */
export interface KernelLogSource {
  /** Resolves when there is one. */
  readable(): Promise<void>;
  /** The next one; undefined if there is none yet. */
  read(): Uint8Array | undefined;
  /** Milliseconds since the start of the machine. */
  uptimeMs(): number;
}

/** The kernel's log of this machine, from its oldest record on. */
export function machineKernelLog(): KernelLogSource {
  const fd = openKernelLog("/dev/kmsg");
  return {
    readable: () => waitUntilReadable(fd),
    read: () => readKernelRecord(fd),
    uptimeMs: () => Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]) * 1000,
  };
}

/**
 * Puts the kernel's log into Frontloader's, for as long as the signal lets it: the kernel's own messages by the name of "kernel",
 * what programs have written into its log by that of "kmsg".
 *
 * @param signal is heeded when the next record comes
 */
export async function followKernelLog(source: KernelLogSource, signal: AbortSignal): Promise<void> {
  const decoder = new TextDecoder();
  const startOfMachine = startClock(source);
  using overwritten = new OverwrittenMessages();
  // At once: the next record may never come.
  signal.addEventListener("abort", () => overwritten[Symbol.dispose]());
  let expected: number | undefined;
  const takeOne = () => {
    const bytes = source.read();
    if (bytes === undefined) return false;
    const record = parseKernelRecord(decoder.decode(bytes));
    if (record === undefined) return true;
    // The kernel's log is a ring: what nobody has read in time is overwritten.
    overwritten.add(record.sequence - (expected ?? record.sequence));
    expected = record.sequence + 1;
    logRecord(record, startOfMachine());
    return true;
  };
  try {
    await takeInTurns({ readable: () => source.readable(), takeOne }, signal);
  } catch (error) {
    logger.error("The kernel's log is not read any more: {reason}", {
      reason: errorChain(error).join(": "),
    });
  }
}

/** So long what is known of the clock is used: it may be set, but asked for each record it would jitter by 10 ms. */
const CLOCK_MS = 10_000;

/** Tells when the machine was started, by the wall clock. */
function startClock(source: KernelLogSource): () => number {
  let startedAt = 0;
  let askedAt = -Infinity;
  return () => {
    const now = performance.now();
    if (now - askedAt > CLOCK_MS) {
      askedAt = now;
      startedAt = Date.now() - source.uptimeMs();
    }
    return startedAt;
  };
}

function logRecord(record: KernelRecord, startOfMachine: number): void {
  const { facility, severity, uptimeMs, text } = record;
  logForeignMessage({
    facility,
    severity,
    appName: facility === Facility.KERN ? "kernel" : "kmsg",
    procId: "",
    msgId: "",
    structuredData: "",
    text,
  }, Math.min(Date.now(), Math.round(startOfMachine + uptimeMs)));
}
