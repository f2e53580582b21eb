/**
 * Namespaces of the main thread: unshare(2), setns(2), pivot_root(2), chroot(2), sethostname(2).
 *
 * Deno has many threads and these calls act on the calling one alone. Called synchronously they act on the main thread,
 * the one that spawns and execs; asynchronous file operations run on other threads and do not see the change.
 */
import { SYS } from "./arch.ts";
import { SyscallError } from "./errno.ts";
import { close, openForReading } from "./descriptors.ts";
import { cString, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int unshare(int flags); */
  unshare: { parameters: ["i32"], result: "i32" },
  /** int setns(int fd, int nstype); */
  setns: { parameters: ["i32", "i32"], result: "i32" },
  /** int chroot(const char *path); */
  chroot: { parameters: ["buffer"], result: "i32" },
  /** int sethostname(const char *name, size_t len); */
  sethostname: { parameters: ["buffer", "usize"], result: "i32" },
  /** long syscall(SYS_pivot_root, const char *new_root, const char *put_old); */
  syscall: { parameters: ["i64", "buffer", "buffer"], result: "i64" },
});

/** Namespace flags, and the one for root and current directory (linux/sched.h). */
export const CloneFlag = {
  FS: 0x00000200,
  NEWNS: 0x00020000,
  NEWCGROUP: 0x02000000,
  NEWUTS: 0x04000000,
  NEWIPC: 0x08000000,
  NEWPID: 0x20000000,
} as const;

/**
 * Moves the main thread into new namespaces. With {@linkcode CloneFlag.NEWPID} it is the *next child* that is in the new
 * namespace, and until then this process must not start a thread (clone fails: EINVAL).
 *
 * @param flags {@linkcode CloneFlag} values, or-ed
 * @throws {SyscallError}
 */
export function unshare(flags: number): void {
  if (libc().unshare(flags) !== 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "unshare",
      action: `unshare namespaces 0x${flags.toString(16)}`,
      errno: code,
    });
  }
}

/**
 * Moves the main thread into an existing namespace. For a mount namespace it must not share its current directory with other
 * threads: unshare {@linkcode CloneFlag.FS} right before, since threads that were started in the meantime share it again.
 *
 * @param fd an open `/proc/PID/ns/…`
 * @param flag the one {@linkcode CloneFlag} it must be of
 * @throws {SyscallError}
 */
export function setns(fd: number, flag: number): void {
  if (libc().setns(fd, flag) !== 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "setns",
      action: `enter namespace 0x${flag.toString(16)}`,
      errno: code,
    });
  }
}

/**
 * Makes the first root of the mount namespace the main thread's root and current directory: what chroot(2) has made of them is
 * undone. That is what setns(2) does, also for the namespace that the thread is in.
 *
 * @throws {SyscallError}
 */
export function enterFirstRoot(): void {
  const own = openForReading("/proc/self/ns/mnt");
  try {
    // Threads of the runtime share root and current directory with this one.
    unshare(CloneFlag.FS);
    setns(own, CloneFlag.NEWNS);
  } finally {
    close(own);
  }
}

/**
 * Makes the current directory the root of the main thread's mount namespace, with the old root stacked on top of it: the
 * `pivot_root(".", ".")` idiom of pivot_root(2), which needs no directory for the old root. The caller then unmounts `.`.
 *
 * @throws {SyscallError}
 */
export function pivotRootToCurrentDirectory(): void {
  const dot = cString(".");
  if (libc().syscall(BigInt(SYS.pivot_root), dot, dot) !== 0n) {
    const code = errno();
    throw new SyscallError({
      syscall: "pivot_root",
      action: `make the current directory the root`,
      errno: code,
    });
  }
}

/**
 * Makes the current directory the root of this process: of all its threads, unless the main thread has its own
 * ({@linkcode CloneFlag.FS}).
 *
 * @throws {SyscallError}
 */
export function changeRootToCurrentDirectory(): void {
  if (libc().chroot(cString(".")) !== 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "chroot",
      action: "change the root to the current directory",
      errno: code,
    });
  }
}

/**
 * Sets the host name of the main thread's UTS namespace.
 *
 * @throws {SyscallError}
 */
export function setHostname(name: string): void {
  const bytes = cString(name);
  if (libc().sethostname(bytes, BigInt(bytes.length - 1)) !== 0) {
    const code = errno();
    throw new SyscallError({
      syscall: "sethostname",
      action: `set the host name "${name}"`,
      errno: code,
    });
  }
}

/**
 * The namespaces in which a container's processes are, by their names in `/proc/PID/ns`, in the order to enter them. (They
 * have the machine's user, network and time namespaces.) The last is for the children of the thread that enters it, and until
 * it has one the process must not start a thread (clone fails: EINVAL).
 */
export const NAMESPACES = [
  { name: "cgroup", flag: CloneFlag.NEWCGROUP },
  { name: "ipc", flag: CloneFlag.NEWIPC },
  { name: "uts", flag: CloneFlag.NEWUTS },
  { name: "mnt", flag: CloneFlag.NEWNS },
  { name: "pid", flag: CloneFlag.NEWPID },
] as const;

/**
 * Opens the namespaces of a process, in the order of {@linkcode NAMESPACES}.
 *
 * @param pid a process that the caller knows not to have been reaped yet
 * @returns descriptors, to be closed by the caller
 * @throws {SyscallError} if it has ended
 */
export function openNamespaces(pid: number): number[] {
  const opened: number[] = [];
  try {
    for (const { name } of NAMESPACES) opened.push(openForReading(`/proc/${pid}/ns/${name}`));
  } catch (error) {
    opened.forEach(close);
    throw error;
  }
  return opened;
}
