import { kill, Signal } from "../../ffi/process.ts";

/** Those that are still there after so many rounds wait in the kernel for a device, and end when it answers. */
const ROUNDS = 10;

/**
 * Kills a process of the machine's pid namespace and everything below it. (Where a container has a pid namespace of its own,
 * the end of its PID 1 is the end of all.)
 *
 * @param pid a container's init that has not been reaped; as a subreaper it has every process of the container below it
 */
export function killFamily(pid: number): void {
  // Stopped, it neither ends with its program nor reaps: nobody gets another parent, nor any pid another owner.
  kill(pid, Signal.STOP);
  for (let round = 0; round < ROUNDS; round++) {
    const family = descendantsOf(pid);
    if (family.length === 0) break;
    for (const member of family) kill(member, Signal.KILL);
  }
  kill(pid, Signal.KILL);
}

/** The processes below `pid` that have not ended. */
function descendantsOf(pid: number): number[] {
  const children = Map.groupBy(runningProcesses(), ({ parent }) => parent);
  const found: number[] = [];
  const pending = [pid];
  for (let parent = pending.pop(); parent !== undefined; parent = pending.pop()) {
    const pids = (children.get(parent) ?? []).map(({ pid }) => pid);
    found.push(...pids);
    pending.push(...pids);
  }
  return found;
}

/** proc_pid_stat(5): field 3 is the state, field 4 the parent. */
function* runningProcesses(): Generator<{ readonly pid: number; readonly parent: number }> {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    let stat: string;
    try {
      stat = Deno.readTextFileSync(`/proc/${name}/stat`);
    } catch {
      // It has ended meanwhile.
      continue;
    }
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state !== "Z" && state !== "X") yield { pid: Number(name), parent: Number(parent) };
  }
}
