import type { ExitStatus } from "../../../ffi/process.ts";
import { Signal } from "../../../ffi/process.ts";
import { describeExit } from "../children.ts";

/** What became of processes for which there was no memory. */
export interface OutOfMemory {
  /** How many of them the kernel has killed so far. */
  readonly kills: number;
  /** Whether there was too little of what they may have, or of what the machine has. */
  readonly where: "limit" | "machine";
}

/** @param events text of `memory.events`: how often the limit was reached, and how many were killed for whatever reason */
export function parseMemoryEvents(events: string): OutOfMemory {
  const count = (name: string) =>
    Number(new RegExp(`^${name} (\\d+)$`, "m").exec(events)?.[1] ?? 0);
  return { kills: count("oom_kill"), where: count("oom") > 0 ? "limit" : "machine" };
}

/**
 * Why processes were killed, for a person.
 *
 * @param limit bytes
 */
export function describeOutOfMemory({ where }: OutOfMemory, limit: number | undefined): string {
  return where === "limit" && limit !== undefined
    ? `out of memory (its limit is ${formatBytes(limit)})`
    : "out of memory (the machine has no more)";
}

/**
 * How an instance ended, for a person.
 *
 * @param kills how many of its processes were killed for want of memory, in all its life
 * @param reason as by {@linkcode describeOutOfMemory}
 */
export function describeEnd(status: ExitStatus, kills: number, reason: string): string {
  const how = describeExit(status);
  if (kills === 0) return how;
  if (isKill(status)) return `${how}: ${reason}`;
  const processes = kills === 1 ? "one of its processes was" : `${kills} of its processes were`;
  return `${how}; ${processes} killed before: ${reason}`;
}

/** Killed by KILL, or an init or a shell that tells so of its program. */
function isKill(status: ExitStatus): boolean {
  return status.kind === "signalled"
    ? status.signal === Signal.KILL
    : status.code === 128 + Signal.KILL;
}

/** In the largest unit in which it is a whole number. */
function formatBytes(bytes: number): string {
  const units = ["", "K", "M", "G", "T"];
  let rest = bytes;
  let unit = 0;
  while (rest % 1024 === 0 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes} bytes` : `${rest}${units[unit]}`;
}
