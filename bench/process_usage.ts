/** Resources of a process that goes on running, from proc(5). */

/**
 * What a daemon has used so far.
 *
 * @returns its own processor time and that of children that it has waited for, and the peak of its resident memory
 */
export async function daemonUsage(
  pid: number,
): Promise<{ readonly cpuSeconds: number; readonly peakBytes: number }> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The name may hold anything, parentheses too; the third field comes after it. 14 to 17: utime, stime, cutime, cstime.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(14 - 3, 18 - 3).reduce((sum, field) => sum + Number(field), 0);
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return {
    // USER_HZ is 100 on all architectures that Debian knows.
    cpuSeconds: ticks / 100,
    peakBytes: Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)![1]) * 1024,
  };
}

/** Makes a process's peak of resident memory what it has now. */
export async function resetPeak(pid: number): Promise<void> {
  await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5");
}
