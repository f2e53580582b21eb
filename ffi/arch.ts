/** What differs between machine architectures: raw system call numbers of calls that glibc 2.27 has no wrapper for. */

/** System call numbers (arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h for aarch64). */
const numbers = {
  x86_64: {
    capget: 125,
    capset: 126,
    close_range: 436,
    execveat: 322,
    fsconfig: 431,
    fsmount: 432,
    fsopen: 430,
    kexec_file_load: 320,
    keyctl: 250,
    mount_setattr: 442,
    move_mount: 429,
    open_tree: 428,
    openat2: 437,
    pivot_root: 155,
    rt_sigaction: 13,
    seccomp: 317,
    setgroups: 116,
    setresgid: 119,
    setresuid: 117,
  },
  aarch64: {
    capget: 90,
    capset: 91,
    close_range: 436,
    execveat: 281,
    fsconfig: 431,
    fsmount: 432,
    fsopen: 430,
    kexec_file_load: 294,
    keyctl: 219,
    mount_setattr: 442,
    move_mount: 429,
    open_tree: 428,
    openat2: 437,
    pivot_root: 41,
    rt_sigaction: 134,
    seccomp: 277,
    setgroups: 159,
    setresgid: 149,
    setresuid: 147,
  },
} as const satisfies Record<typeof Deno.build.arch, Record<string, number>>;

/** The numbers for this machine, for `syscall(2)`. */
export const SYS = numbers[Deno.build.arch];

/** open(2) flags, whose values differ by architecture (asm/fcntl.h); the others are in `files.ts`. */
export const OPEN_FLAGS = {
  x86_64: { O_DIRECTORY: 0o200000, O_NOFOLLOW: 0o400000 },
  aarch64: { O_DIRECTORY: 0o40000, O_NOFOLLOW: 0o100000 },
}[Deno.build.arch];
