/** Who is to end first when the machine is out of memory: proc_pid_oom_score_adj(5). */
export const OutOfMemoryScore = {
  /** What looks after everything else ends last. Not never: it might be what uses the memory. */
  SUPERVISOR: -999,
  CONTAINER: 0,
  /** A failed pull is the least harm. */
  PULL: 1000,
} as const;

/**
 * Sets the score of this process, which those that it starts begin with. Without the capability to lower it (CAP_SYS_RESOURCE)
 * it stays what it is: that is less safe, but no reason not to run.
 */
export function setOutOfMemoryScore(score: number): void {
  try {
    Deno.writeTextFileSync("/proc/self/oom_score_adj", `${score}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}
