/** Inode of the machine's first pid namespace: `PROC_PID_INIT_INO` in the kernel's include/linux/proc_ns.h. */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";

/**
 * True if this process is the init of a machine, on which everything depends: not of a container, be it one of ours or of
 * somebody else's.
 */
export function isMachineInit(): boolean {
  if (Deno.pid !== 1) return false;
  try {
    return Deno.readLinkSync("/proc/self/ns/pid") === FIRST_PID_NAMESPACE;
  } catch {
    // Without /proc nobody has prepared anything for this process: that is what an init is for.
    return true;
  }
}
