/** Processes: posix_spawn(3), waitid(2), kill(2), execve(2), and what a process hands on to the next program. */
import { SYS } from "./arch.ts";
import { close } from "./descriptors.ts";
import { Errno, SyscallError } from "./errno.ts";
import { addressOf, type Bytes, cString, cStringArray, errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
   *                  const posix_spawnattr_t *attr, char *const argv[], char *const envp[]); */
  posix_spawn: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
  /** int posix_spawn_file_actions_init(posix_spawn_file_actions_t *); */
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  /** int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *, int oldfd, int newfd); */
  posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  /** int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *); */
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  /** int posix_spawnattr_init(posix_spawnattr_t *attr); */
  posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
  /** int posix_spawnattr_setflags(posix_spawnattr_t *attr, short flags); */
  posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
  /** int posix_spawnattr_setsigmask(posix_spawnattr_t *attr, const sigset_t *mask); */
  posix_spawnattr_setsigmask: { parameters: ["buffer", "buffer"], result: "i32" },
  /** int posix_spawnattr_destroy(posix_spawnattr_t *attr); */
  posix_spawnattr_destroy: { parameters: ["buffer"], result: "i32" },
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

/** sizeof(posix_spawn_file_actions_t) is 80 and sizeof(posix_spawnattr_t) 336 in glibc on both architectures. */
const SPAWN_STRUCT_BYTES = 512;
/** sizeof(sigset_t) in glibc. */
const SIGSET_BYTES = 128;
/** Largest signal number on Linux. */
const LAST_SIGNAL = 64;
const POSIX_SPAWN_SETSIGMASK = 0x08;
/** glibc 2.26 */
const POSIX_SPAWN_SETSID = 0x80;

/** What {@linkcode spawn} starts. */
export interface SpawnOptions {
  /** The program's path. */
  readonly path: string;
  /** Its arguments, with its own name first. */
  readonly argv: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors of this process that become 0, 1, 2, … of the new one. All others must be close-on-exec. */
  readonly descriptors: readonly number[];
}

/**
 * Starts a program as a direct child of the main thread, with an empty signal mask and in a session of its own: it must
 * neither get the signals of this process's terminal nor be able to open it as /dev/tty, type into it (TIOCSTI) and so be
 * the person at it (CVE-2017-5226). Unlike fork, posix_spawn is safe in a process with threads.
 *
 * @returns the child's pid
 * @throws {SyscallError} if it cannot be started
 */
export function spawn({ path, argv, env, descriptors }: SpawnOptions): number {
  const c = libc();
  // A target that is also a later source would be overwritten before it is copied.
  const sources = descriptors.map((fd) =>
    fd < descriptors.length ? duplicateFrom(descriptors.length, fd) : fd
  );
  const pid = new Int32Array(1);
  const actions = new Uint8Array(SPAWN_STRUCT_BYTES);
  const attributes = new Uint8Array(SPAWN_STRUCT_BYTES);
  const argvArray = cStringArray(argv);
  const envArray = cStringArray(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  c.posix_spawn_file_actions_init(actions);
  c.posix_spawnattr_init(attributes);
  try {
    sources.forEach((source, target) => {
      c.posix_spawn_file_actions_adddup2(actions, source, target);
    });
    c.posix_spawnattr_setsigmask(attributes, new Uint8Array(SIGSET_BYTES));
    c.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    const code = c.posix_spawn(
      pid,
      cString(path),
      actions,
      attributes,
      argvArray.pointers,
      envArray.pointers,
    );
    if (code !== 0) {
      throw new SyscallError({
        syscall: "posix_spawn",
        action: `start "${path}"`,
        path,
        errno: code,
      });
    }
  } finally {
    sources.filter((source) => !descriptors.includes(source)).forEach(close);
    c.posix_spawn_file_actions_destroy(actions);
    c.posix_spawnattr_destroy(attributes);
    keepAlive(argvArray, envArray);
  }
  return pid[0]!;
}

/** Copies a descriptor to the lowest free one from `first` on, close-on-exec. */
function duplicateFrom(first: number, fd: number): number {
  const F_DUPFD_CLOEXEC = 1030;
  const copy = libc().fcntl(fd, F_DUPFD_CLOEXEC, first);
  const code = errno();
  if (copy >= 0) return copy;
  throw new SyscallError({ syscall: "fcntl", action: `copy descriptor ${fd}`, errno: code });
}

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
    const emptyPath: Bytes = cString("");
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

/** Uses buffers after a call that read them through raw pointers, so that they cannot be collected before it. */
function keepAlive(...arrays: { readonly strings: readonly Bytes[] }[]): void {
  for (const { strings } of arrays) if (strings.length > 0) addressOf(strings[0]!);
}
