/** Processes: waitid(2), kill(2), execve(2), and what a process hands on to the next program. */
import { SYS } from "./arch.ts";
import { Errno, SyscallError } from "./errno.ts";
import { cString, cStringArray, errno, keepAlive, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int waitid(idtype_t idtype, id_t id, siginfo_t *infop, int options); */
  waitid: { parameters: ["i32", "u32", "buffer", "i32"], result: "i32" },
  /** int kill(pid_t pid, int sig); */
  kill: { parameters: ["i32", "i32"], result: "i32" },
  /** int execve(const char *path, char *const argv[], char *const envp[]); */
  execve: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  /** long syscall(SYS_execveat, int dirfd, const char *path, char *const argv[], char *const envp[], int flags); */
  execveat: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "buffer", "buffer", "i32"],
    result: "i64",
  },
  /** long syscall(SYS_close_range, unsigned first, unsigned last, unsigned flags); */
  close_range: { name: "syscall", parameters: ["i64", "u32", "u32", "u32"], result: "i64" },
  /** int fcntl(int fd, int cmd, int arg); */
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** long syscall(SYS_rt_sigaction, int signum, const struct sigaction *act, struct sigaction *old, size_t size); */
  rt_sigaction: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "pointer", "usize"],
    result: "i64",
  },
  /** int sigprocmask(int how, const sigset_t *set, sigset_t *oldset); */
  sigprocmask: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
  /** int faccessat(int dirfd, const char *pathname, int mode, int flags); */
  faccessat: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  /** pid_t setsid(void); */
  setsid: { parameters: [], result: "i32" },
  /** mode_t umask(mode_t mask); */
  umask: { parameters: ["u32"], result: "u32" },
});

/** sizeof(sigset_t) in glibc. */
const SIGSET_BYTES = 128;
/** Largest signal number on Linux. */
const LAST_SIGNAL = 64;

/** How a process ended. */
export type ExitStatus =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: number; readonly coreDumped: boolean };

const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
/** si_code values for SIGCHLD (bits/siginfo-consts.h). */
const CLD_EXITED = 1;
const CLD_DUMPED = 3;

const siginfo = new Uint8Array(128);
const siginfoView = new DataView(siginfo.buffer);

/**
 * Collects the status of one child if it has ended. Asks for this pid alone: a wait for any child would steal the status
 * of children that Deno itself started.
 *
 * @param pid a child of this process
 * @returns its status, or undefined while it runs
 * @throws {SyscallError} ECHILD if `pid` is not (or no longer) a child
 */
export function reap(pid: number): ExitStatus | undefined {
  siginfo.fill(0);
  if (libc().waitid(P_PID, pid, siginfo, WEXITED | WNOHANG) !== 0) {
    const code = errno();
    throw new SyscallError({ syscall: "waitid", action: `wait for process ${pid}`, errno: code });
  }
  // siginfo_t: si_code at byte 8, si_pid at 16, si_status at 24; si_pid stays 0 while the child runs.
  if (siginfoView.getInt32(16, true) === 0) return undefined;
  const siCode = siginfoView.getInt32(8, true);
  const siStatus = siginfoView.getInt32(24, true);
  return siCode === CLD_EXITED
    ? { kind: "exited", code: siStatus }
    : { kind: "signalled", signal: siStatus, coreDumped: siCode === CLD_DUMPED };
}

/**
 * Looks for a child that has ended and whose status nobody has collected. Its status stays where it is.
 *
 * @returns its pid, or undefined if there is none
 */
export function findEndedChild(): number | undefined {
  siginfo.fill(0);
  // ECHILD: there is no child at all. Nothing else can fail.
  libc().waitid(P_ALL, 0, siginfo, WEXITED | WNOHANG | WNOWAIT);
  const pid = siginfoView.getInt32(16, true);
  return pid === 0 ? undefined : pid;
}

/** True if this process has children, be it some that have ended and whose status nobody has collected. */
export function hasChildren(): boolean {
  // It fails for want of children (ECHILD) only.
  return libc().waitid(P_ALL, 0, siginfo, WEXITED | WNOHANG | WNOWAIT) === 0;
}

/** Sends a signal to every process but this one and process 1. */
export function killAll(signal: number): void {
  // ESRCH: there is none.
  libc().kill(-1, signal);
}

/** Numbers of the signals that Frontloader sends (the same on x86_64 and aarch64, signal(7)). */
export const Signal = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  PIPE: 13,
  TERM: 15,
  STOP: 19,
  WINCH: 28,
} as const;

/**
 * Sends a signal.
 *
 * @param pid a process that the caller knows not to have been reaped yet, so that the pid cannot be another's
 * @returns false if there is no such process
 * @throws {SyscallError}
 */
export function kill(pid: number, signal: number): boolean {
  if (libc().kill(pid, signal) === 0) return true;
  const code = errno();
  if (code === Errno.ESRCH) return false;
  throw new SyscallError({
    syscall: "kill",
    action: `send signal ${signal} to process ${pid}`,
    errno: code,
  });
}

/**
 * Gives every signal its default action and an empty mask: what was ignored or blocked survives execve otherwise. By raw
 * calls, since glibc refuses to touch signals 32 and 33, and its posix_spawn leaves 32 ignored.
 */
export function resetSignals(): void {
  const c = libc();
  const SIG_SETMASK = 2;
  // The kernel's struct sigaction: all zero is SIG_DFL with no flags and an empty mask.
  const byDefault = new Uint8Array(32);
  const kernelSigsetBytes = 8n;
  for (let signal = 1; signal <= LAST_SIGNAL; signal++) {
    // EINVAL for KILL and STOP, whose action cannot be changed anyway
    c.rt_sigaction(BigInt(SYS.rt_sigaction), signal, byDefault, null, kernelSigsetBytes);
  }
  c.sigprocmask(SIG_SETMASK, new Uint8Array(SIGSET_BYTES), null);
}

/**
 * Marks every descriptor from `first` on close-on-exec, so that none leaks into the next program.
 *
 * @throws {SyscallError}
 */
export function closeOnExecFrom(first: number): void {
  const CLOSE_RANGE_CLOEXEC = 4;
  if (libc().close_range(BigInt(SYS.close_range), first, 0xffffffff, CLOSE_RANGE_CLOEXEC) === 0n) {
    return;
  }
  // Linux before 5.11 has no such flag: one by one then.
  const F_SETFD = 2;
  const FD_CLOEXEC = 1;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd < first) continue;
    if (libc().fcntl(fd, F_SETFD, FD_CLOEXEC) === 0) continue;
    const code = errno();
    // EBADF: the descriptor that read this directory, closed since.
    if (code !== Errno.EBADF) {
      throw new SyscallError({
        syscall: "fcntl",
        action: `mark descriptor ${fd} close-on-exec`,
        errno: code,
      });
    }
  }
}

/**
 * Takes this process out of its terminal: what is typed there, Ctrl-C say, does not reach it any more, nor what it starts.
 * A leader of a process group stays where it is.
 */
export function leaveTerminal(): void {
  libc().setsid();
}

/** Sets the file mode creation mask, and returns the one before. */
export function umask(mask: number): number {
  return libc().umask(mask);
}

/** True if the effective user may execute (or, for a directory, search) what `path` leads to. */
export function mayExecute(path: string): boolean {
  const AT_FDCWD = -100;
  const X_OK = 1;
  const AT_EACCESS = 0x200;
  return libc().faccessat(AT_FDCWD, cString(path), X_OK, AT_EACCESS) === 0;
}

/** What {@linkcode exec} turns this process into. */
export interface ExecOptions {
  /** The program: its path, or a descriptor of it. */
  readonly program: string | number;
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Replaces this process, all its threads included, with another program.
 *
 * @throws {SyscallError} if it cannot: on success it never returns
 */
export function exec({ program, argv, env }: ExecOptions): never {
  const argvArray = cStringArray(argv);
  const envArray = cStringArray(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  const AT_EMPTY_PATH = 0x1000;
  let code: number;
  if (typeof program === "string") {
    const path = cString(program);
    libc().execve(path, argvArray.pointers, envArray.pointers);
    code = errno();
  } else {
    const emptyPath = cString("");
    libc().execveat(
      BigInt(SYS.execveat),
      program,
      emptyPath,
      argvArray.pointers,
      envArray.pointers,
      AT_EMPTY_PATH,
    );
    code = errno();
  }
  keepAlive(argvArray, envArray);
  throw new SyscallError({
    syscall: typeof program === "string" ? "execve" : "execveat",
    action: `run "${argv[0]}"`,
    errno: code,
  });
}
