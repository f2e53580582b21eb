/** Starts processes: posix_spawn(3). Apart from what a process does to itself, which is all that a stage needs. */
import { close, openForReading } from "./descriptors.ts";
import { SyscallError } from "./errno.ts";
import { cString, cStringArray, errno, keepAlive, lazyLibc } from "./libc.ts";
import { CloneFlag, setns, unshare } from "./namespaces.ts";

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
  /** int fcntl(int fd, int cmd, int arg); */
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
});

/** sizeof(posix_spawn_file_actions_t) is 80 and sizeof(posix_spawnattr_t) 336 in glibc on both architectures. */
const SPAWN_STRUCT_BYTES = 512;
/** sizeof(sigset_t) in glibc. */
const SIGSET_BYTES = 128;
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

let ownPidNamespace: number | undefined;

/**
 * Starts a program as PID 1 of a new pid namespace, and as a direct child of this process.
 *
 * Everything between the two changes of namespace is synchronous: were the main thread to start a thread there, clone
 * would fail (EINVAL) and Deno abort.
 *
 * @param options as for {@linkcode spawn}
 * @returns the child's pid as this process sees it
 * @throws {SyscallError}
 */
export function spawnInNewPidNamespace(options: SpawnOptions): number {
  ownPidNamespace ??= openForReading("/proc/self/ns/pid");
  libc();
  unshare(CloneFlag.NEWPID);
  try {
    return spawn(options);
  } finally {
    setns(ownPidNamespace, CloneFlag.NEWPID);
  }
}
