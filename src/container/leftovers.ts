/**
 * Instances that a Frontloader before this one has left behind, because it was killed. The kernel has asked them to end, and
 * nobody knows when they do: with `stopBeforeStart` the next one has to wait for it like for any other.
 */
import { kill, Signal } from "../../ffi/process.ts";
import { namesIn } from "../system/names_in.ts";
import { killFamily } from "./kill_family.ts";

/** What an instance's directory tells of it, to whoever comes after this process. */
export interface InstanceNote {
  /** Of the container. */
  readonly id: string;
  readonly pid: number;
  /** When its PID 1 started, in ticks since boot: the pid may be another process's by then. */
  readonly startTime: string;
  readonly hostPid: boolean;
}

/** How often is looked whether a process that is not a child has ended. */
const LOOK_MS = 200;

/** The file in an instance's directory. */
const NOTE = "note.json";

/**
 * Notes an instance.
 *
 * @param directory of the instance alone
 */
export function noteInstance(directory: string, note: Omit<InstanceNote, "startTime">): void {
  const startTime = startTimeOf(note.pid);
  // It has ended already.
  if (startTime === undefined) return;
  Deno.writeTextFileSync(`${directory}/${NOTE}`, JSON.stringify({ ...note, startTime }));
}

/**
 * Reads what was noted of instances, before that is cleared away.
 *
 * @param instances directory of the directories of instances
 * @returns those that have not ended
 */
export function readLeftovers(instances: string): Leftover[] {
  return namesIn(instances).flatMap((name) => {
    const note = readNote(`${instances}/${name}/${NOTE}`);
    return note === undefined || startTimeOf(note.pid) !== note.startTime
      ? []
      : [new Leftover(note)];
  });
}

/** An instance of a Frontloader before this one. */
export class Leftover {
  readonly #note: InstanceNote;
  #ended: Promise<void> | undefined;

  constructor(note: InstanceNote) {
    this.#note = note;
  }

  get id(): string {
    return this.#note.id;
  }

  get pid(): number {
    return this.#note.pid;
  }

  /** Resolves once it has ended. */
  get ended(): Promise<void> {
    return this.#ended ??= this.#watch();
  }

  /** Ends it, and everything in it, at once. */
  kill(): void {
    if (!this.isAlive) return;
    if (this.#note.hostPid) killFamily(this.pid);
    else kill(this.pid, Signal.KILL);
  }

  /** False once it has ended. */
  get isAlive(): boolean {
    return startTimeOf(this.pid) === this.#note.startTime;
  }

  async #watch(): Promise<void> {
    while (this.isAlive) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function readNote(path: string): InstanceNote | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch {
    // It was not launched to the end, or not noted to the end: it got KILL then, or is as unknown as it can be.
    return undefined;
  }
}

/** Undefined for a process that has ended, whether it was reaped or not (proc_pid_stat(5), fields 3 and 22). */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
