import { findEndedChild, reap } from "../../ffi/process.ts";
import { isOwnProcess } from "./own_processes.ts";

/** What {@linkcode reapOrphans} needs of the kernel. */
export interface ChildStatuses {
  /** A child that has ended and whose status has not been collected. */
  findEndedChild(): number | undefined;
  /** Collects the status of a child. */
  reap(pid: number): unknown;
}

/**
 * Collects the status of processes whose parent has ended, and which process 1 has inherited: they would stay zombies.
 *
 * A wait for any child would take away the status of those that are awaited elsewhere, by Deno itself too. So one is looked
 * at first, and only collected if nobody has started it here.
 *
 * @returns false if there may be more behind one that somebody else has to collect first
 */
export function reapOrphans(
  statuses: ChildStatuses = { findEndedChild, reap },
  isOwn: (pid: number) => boolean = isOwnProcess,
): boolean {
  for (;;) {
    const pid = statuses.findEndedChild();
    if (pid === undefined) return true;
    if (isOwn(pid)) return false;
    statuses.reap(pid);
  }
}

/** An orphan must not stay for ever because a signal was merged with one before it. */
const LOOK_MS = 10_000;
/** Whoever waits for a child of its own takes its status within moments. */
const LOOK_AGAIN_MS = 100;

/** Reaps orphans from now on. */
export function startReaping(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    timer = setTimeout(look, reapOrphans() ? LOOK_MS : LOOK_AGAIN_MS);
  };
  Deno.addSignalListener("SIGCHLD", look);
  look();
}
