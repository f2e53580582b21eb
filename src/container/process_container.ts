/** Which container a process belongs to: the one in whose pid namespace it is. */

/** An instance of a container, known by its process 1. */
export interface InstanceProcess {
  readonly id: string;
  readonly pid: number;
}

/**
 * Finds the container of a process.
 *
 * @param pid of any process; it may have ended
 * @param instances the instances that run
 * @param namespaceOf tells processes in one namespace from those in another
 * @returns the container's id; undefined if it is in none, has ended, or shares the machine's namespace
 */
export function containerOfProcess(
  pid: number,
  instances: Iterable<InstanceProcess>,
  namespaceOf: (pid: number) => string | undefined = pidNamespace,
): string | undefined {
  const namespace = namespaceOf(pid);
  if (namespace === undefined || namespace === namespaceOf(Deno.pid)) return undefined;
  for (const instance of instances) {
    if (namespaceOf(instance.pid) === namespace) return instance.id;
  }
  return undefined;
}

/** `pid:[NUMBER]` (namespaces(7)); undefined once the process has ended. */
function pidNamespace(pid: number): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    // It has ended, or is about to: what it was in cannot be found out any more.
    return undefined;
  }
}
