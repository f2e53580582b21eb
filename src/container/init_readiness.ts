/**
 * Whether the init of a container (tini) passes on signals. It does not from the start: the kernel drops what PID 1 of a pid
 * namespace has not blocked or caught yet (pid_namespaces(7)), and tini what comes before its child leads a process group of
 * its own. A TERM in those first milliseconds would be lost, and the container never end.
 *
 * @param pid the container's PID 1
 * @returns true also if it has ended
 */
export function passesSignals(pid: number): boolean {
  // The container's own /proc, in which there are no other processes.
  const directory = `/proc/${pid}/root/proc`;
  try {
    for (const { name } of Deno.readDirSync(directory)) {
      if (name !== "1" && /^\d+$/.test(name) && leadsGroup(`${directory}/${name}`)) return true;
    }
    return false;
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
}

/** True for a child of PID 1 that leads a process group (proc_pid_stat(5), fields 1, 4 and 5). */
function leadsGroup(process: string): boolean {
  try {
    const stat = Deno.readTextFileSync(`${process}/stat`);
    const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return parent === "1" && process.endsWith(`/${group}`);
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/**
 * True for what Deno throws when a process has ended before its file was opened (ENOENT), or before it was read: ESRCH, for
 * which Deno has no class, and sets no `code` in synchronous calls.
 */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof Error && /\(os error 3\)/.test(error.message));
}
