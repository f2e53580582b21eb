const MIB = 2 ** 20;
/** What is free is said in steps of so much, so that it is not another number each time. */
const STEP_MIB = 10;

/** There is not enough memory now; there may be later, when less runs. */
export class NoMemoryError extends Error {
  override readonly name = "NoMemoryError";

  constructor(what: string, needed: number, free: number) {
    const freeMib = Math.floor(free / MIB / STEP_MIB) * STEP_MIB;
    super(`${what} takes ${Math.ceil(needed / MIB)} MiB of memory, and ${freeMib} MiB are free`);
  }
}

/**
 * Makes sure that there is memory for something: where the kernel itself takes it, running out of it ends other programs, or the
 * machine.
 *
 * @param what takes it, for the error
 * @param needed in bytes
 * @param meminfo `/proc/meminfo`
 * @throws {NoMemoryError} if there is not so much
 */
export function requireMemory(
  what: string,
  needed: number,
  meminfo = Deno.readTextFileSync("/proc/meminfo"),
): void {
  const free = Number(/^MemAvailable: +(\d+) kB$/m.exec(meminfo)?.[1] ?? Infinity) * 1024;
  if (free < needed) throw new NoMemoryError(what, needed, free);
}
