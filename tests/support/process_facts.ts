/** What the kernel says of processes and mounts: for tests that look for what was left behind. */

/** Figures that must stay flat however much is done. */
export interface ProcessFigures {
  /** Open descriptors. */
  readonly descriptors: number;
  readonly threads: number;
  /** Private memory in KiB: what the process has for itself, not what it shares with others. */
  readonly privateKiB: number;
  /** Resident memory in KiB. */
  readonly residentKiB: number;
  /** Children that have ended and were not collected. */
  readonly zombies: number;
  /** Children that run. */
  readonly children: number;
}

/** Takes the figures of a process. */
export function figuresOf(pid: number): ProcessFigures {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const rollup = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  const number = (text: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const states = childrenOf(pid).map(({ state }) => state);
  return {
    descriptors: [...Deno.readDirSync(`/proc/${pid}/fd`)].length,
    threads: number(status, "Threads"),
    privateKiB: number(rollup, "Private_Clean") + number(rollup, "Private_Dirty"),
    residentKiB: number(status, "VmRSS"),
    zombies: states.filter((state) => state === "Z").length,
    children: states.filter((state) => state !== "Z").length,
  };
}

/** Private memory in KiB where least of it waits to be collected: garbage comes and goes, and what is lost stays. */
export function leastPrivate(figures: readonly ProcessFigures[]): number {
  return Math.min(...figures.map(({ privateKiB }) => privateKiB));
}

/** A child process. */
export interface ChildProcess {
  readonly pid: number;
  /** As in /proc/PID/stat: R, S, D, Z, … */
  readonly state: string;
  /** Its arguments. */
  readonly args: readonly string[];
}

/** The direct children of a process. */
export function childrenOf(parent: number): ChildProcess[] {
  const found: ChildProcess[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const [state, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(ppid) !== parent) continue;
      const args = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0").slice(0, -1);
      found.push({ pid: Number(name), state: state!, args });
    } catch (error) {
      // It has ended since the directory was read.
      if (!(error instanceof Deno.errors.NotFound) && !isNoSuchProcess(error)) throw error;
    }
  }
  return found;
}

function isNoSuchProcess(error: unknown): boolean {
  return error instanceof Error && /\(os error 3\)/.test(error.message);
}

/** The children of a process, their children, and so on. */
export function descendantsOf(pid: number): ChildProcess[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child.pid)]);
}

/** The lines of this mount namespace's mounts that hold a text. */
export function mountsWith(text: string): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n").filter((line) =>
    line.includes(text)
  );
}

/** Mount points of root file systems that are on the machine now. */
export function rootFsDirectories(): string[] {
  return Array.from(Deno.readDirSync("/tmp"), ({ name }) => name).filter((name) =>
    name.startsWith("frontloader.rootfs.")
  );
}
