/** The processes that this one has started, and whose end somebody waits for. */
const own = new Set<number>();

/** Notes a process whose status its starter collects. To be called right after its start. */
export function addOwnProcess(pid: number): void {
  own.add(pid);
}

/** Forgets a process once its status has been collected: the pid can become another one's. */
export function removeOwnProcess(pid: number): void {
  own.delete(pid);
}

/** True for a process whose status is not to be taken away from whoever waits for it. */
export function isOwnProcess(pid: number): boolean {
  return own.has(pid);
}

/** Notes a child that `Deno.Command` has started, until Deno has collected its status. */
export function withOwnProcess(child: Deno.ChildProcess): Deno.ChildProcess {
  addOwnProcess(child.pid);
  const remove = () => removeOwnProcess(child.pid);
  child.status.then(remove, remove);
  return child;
}
