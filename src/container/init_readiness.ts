/**
 * Whether the init of a container (tini) passes on signals. It does not from the start: the kernel drops what PID 1 of a pid
 * namespace has not blocked or caught yet (pid_namespaces(7)), and tini what comes before its child leads a process group of
 * its own. A TERM in those first milliseconds would be lost, and the container never end.
 *
 * @param pid the container's init
 * @param options `hostPid`: true if it is one of the machine's processes, and not PID 1 of a pid namespace
 * @returns true also if it has ended
 */
export function passesSignals(pid: number, { hostPid = false } = {}): boolean {
  // The container's own /proc has no other processes in it.
  const [directory, init] = hostPid ? ["/proc", `${pid}`] : [`/proc/${pid}/root/proc`, "1"];
  try {
    // Whether it has ended is asked first: the machine's /proc stays.
    if (hostPid) Deno.statSync(`/proc/${pid}`);
    for (const { name } of Deno.readDirSync(directory)) {
      if (!/^\d+$/.test(name) || name === init) continue;
      if (leadsGroup(`${directory}/${name}`, init)) return true;
    }
    return false;
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
}

/** True for a child of the init that leads a process group (proc_pid_stat(5), fields 1, 4 and 5). */
function leadsGroup(process: string, init: string): boolean {
  try {
    const stat = Deno.readTextFileSync(`${process}/stat`);
    const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return parent === init && process.endsWith(`/${group}`);
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
