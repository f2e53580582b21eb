/**
 * Whether the init of a container (tini) passes on signals. It does not from the start: the kernel drops what PID 1 of a pid
 * namespace has not blocked or caught yet (pid_namespaces(7)), and tini what comes before its child leads a process group of
 * its own. A TERM in those first milliseconds would be lost, and the container never end.
 *
 * It is asked of the machine's /proc. What is in the place of the container's own, once its program runs, is the container's to
 * say: a FIFO there, and whoever opens it waits for ever.
 *
 * @param pid the container's init
 * @returns true also if it has ended
 */
export function passesSignals(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
  return possibleChildren(pid).some((child) => isLeadingChild(child, `${pid}`));
}

/** The children of a process, or all processes if this kernel does not list them (CONFIG_PROC_CHILDREN). */
function possibleChildren(pid: number): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ")
      .filter((child) => child !== "");
  } catch (error) {
    if (!isGone(error)) throw error;
    return Array.from(Deno.readDirSync("/proc"), ({ name }) => name)
      .filter((name) => /^\d+$/.test(name));
  }
}

/** True for a child of the init that leads a process group (proc_pid_stat(5), fields 4 and 5). */
function isLeadingChild(pid: string, init: string): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return parent === init && group === pid;
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
