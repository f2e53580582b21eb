/**
 * Who the main thread is: user, groups and capabilities.
 *
 * glibc's setresuid and its kin change every thread of the process by signalling each; these are the raw calls, which
 * change the calling thread alone. That is all that is wanted right before execve, which ends all the others.
 */
import { SYS } from "./arch.ts";
import { Errno, SyscallError } from "./errno.ts";
import { errno, lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  /** long syscall(SYS_setres[ug]id, uid_t real, uid_t effective, uid_t saved); */
  setThreeIds: {
    name: "syscall",
    parameters: ["i64", "u32", "u32", "u32"],
    result: "i64",
  },
  /** long syscall(SYS_setgroups, size_t size, const gid_t *list); */
  setGroups: { name: "syscall", parameters: ["i64", "usize", "buffer"], result: "i64" },
  /** long syscall(SYS_capset, cap_user_header_t header, const cap_user_data_t data); */
  capset: { name: "syscall", parameters: ["i64", "buffer", "buffer"], result: "i64" },
  /** long syscall(SYS_keyctl, int operation, const char *name); */
  keyctl: { name: "syscall", parameters: ["i64", "i32", "pointer"], result: "i64" },
  /** int prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5); */
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
});

/** `code` comes before the texts, so that errno is read before anything else is evaluated. */
function check(result: number | bigint, code: number, syscall: string, action: string): void {
  if (result != 0) throw new SyscallError({ syscall, action, errno: code });
}

/**
 * Sets real, effective and saved user id. From root to another user this clears the effective and ambient capabilities,
 * and the permitted ones too unless {@linkcode keepCapabilities} was called.
 *
 * @throws {SyscallError}
 */
export function setUid(uid: number): void {
  check(
    libc().setThreeIds(BigInt(SYS.setresuid), uid, uid, uid),
    errno(),
    "setresuid",
    `set user id ${uid}`,
  );
}

/**
 * Sets real, effective and saved group id.
 *
 * @throws {SyscallError}
 */
export function setGid(gid: number): void {
  check(
    libc().setThreeIds(BigInt(SYS.setresgid), gid, gid, gid),
    errno(),
    "setresgid",
    `set group id ${gid}`,
  );
}

/**
 * Sets the supplementary groups.
 *
 * @throws {SyscallError}
 */
export function setGroups(gids: readonly number[]): void {
  const list = new Uint32Array(gids);
  check(
    libc().setGroups(BigInt(SYS.setgroups), BigInt(list.length), list),
    errno(),
    "setgroups",
    `set groups ${gids.join(" ")}`,
  );
}

/** Sets of capabilities as bit masks: bit N is the capability with number N (linux/capability.h). */
export interface CapabilitySets {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

/** _LINUX_CAPABILITY_VERSION_3: two 32-bit words a set. */
const CAPABILITY_VERSION_3 = 0x20080522;

/**
 * Sets the effective, permitted and inheritable capabilities of the main thread.
 *
 * @throws {SyscallError} EPERM if a set is to grow beyond what this machine gives
 */
export function setCapabilities({ effective, permitted, inheritable }: CapabilitySets): void {
  // struct __user_cap_header_struct { __u32 version; int pid; }
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  // struct __user_cap_data_struct { __u32 effective, permitted, inheritable; } data[2]: low words, then high words
  const words = [effective, permitted, inheritable];
  const data = new Uint32Array([
    ...words.map((set) => Number(set & 0xffffffffn)),
    ...words.map((set) => Number(set >> 32n)),
  ]);
  check(
    libc().capset(BigInt(SYS.capset), header, data),
    errno(),
    "capset",
    `set capabilities 0x${permitted.toString(16)}`,
  );
}

/** prctl(2) options (linux/prctl.h). */
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2n;
const PR_CAP_AMBIENT_CLEAR_ALL = 4n;

function prctl(action: string, option: number, ...args: bigint[]): void {
  const [arg2 = 0n, arg3 = 0n] = args;
  check(libc().prctl(option, arg2, arg3, 0n, 0n), errno(), "prctl", action);
}

/**
 * Drops every capability that is not in `wanted` from the bounding set.
 *
 * @param wanted bit mask
 * @throws {SyscallError}
 */
export function reduceBoundingSet(wanted: bigint): void {
  for (let capability = 0; capability < 64; capability++) {
    const bit = BigInt(capability);
    const present = libc().prctl(PR_CAPBSET_READ, bit, 0n, 0n, 0n);
    if (present === -1) {
      const code = errno();
      // EINVAL is how the kernel says that its last capability has been passed.
      if (code === Errno.EINVAL) return;
      throw new SyscallError({
        syscall: "prctl",
        action: `read bounding set bit ${capability}`,
        errno: code,
      });
    }
    if (present === 1 && (wanted >> bit & 1n) === 0n) {
      prctl(`drop capability ${capability} from the bounding set`, PR_CAPBSET_DROP, bit);
    }
  }
}

/** Lets the permitted capabilities survive the next change of user. */
export function keepCapabilities(): void {
  prctl("keep capabilities", PR_SET_KEEPCAPS, 1n);
}

/**
 * Makes the ambient set exactly `wanted`: what a program without file capabilities keeps through execve. Each must be
 * permitted and inheritable already.
 *
 * @throws {SyscallError}
 */
export function setAmbientCapabilities(wanted: bigint): void {
  prctl("clear the ambient capabilities", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  for (let capability = 0n; wanted >> capability > 0n; capability++) {
    if ((wanted >> capability & 1n) === 1n) {
      prctl(
        `raise ambient capability ${capability}`,
        PR_CAP_AMBIENT,
        PR_CAP_AMBIENT_RAISE,
        capability,
      );
    }
  }
}

/** No execve from here on gains privileges: setuid bits and file capabilities have no effect (prctl(2)). */
export function setNoNewPrivileges(): void {
  prctl("set no_new_privs", PR_SET_NO_NEW_PRIVS, 1n);
}

/**
 * Says whether others of the same user may look into this process, by ptrace(2) or /proc/PID. It lasts until execve.
 */
export function setDumpable(dumpable: boolean): void {
  prctl("change who may look into this process", PR_SET_DUMPABLE, dumpable ? 1n : 0n);
}

/**
 * Asks for `signal` when the thread that spawned this process ends. The kernel forgets this at any change of credentials,
 * so it comes after them; and the parent may have ended already, so the caller has to look whether it still lives.
 *
 * @param signal a signal's number
 */
export function setParentDeathSignal(signal: number): void {
  prctl(`set the parent-death signal ${signal}`, PR_SET_PDEATHSIG, BigInt(signal));
}

/**
 * Gives this process a session keyring of its own, an empty one: it would have the machine's otherwise, and what is in there
 * (keyctl(2), KEYCTL_JOIN_SESSION_KEYRING).
 *
 * @throws {SyscallError}
 */
export function joinNewSessionKeyring(): void {
  const KEYCTL_JOIN_SESSION_KEYRING = 1;
  if (libc().keyctl(BigInt(SYS.keyctl), KEYCTL_JOIN_SESSION_KEYRING, null) >= 0n) return;
  const code = errno();
  // A kernel without keyrings has nothing to keep apart.
  if (code === Errno.ENOSYS) return;
  throw new SyscallError({ syscall: "keyctl", action: "join a new session keyring", errno: code });
}
