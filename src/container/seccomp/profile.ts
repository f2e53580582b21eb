/**
 * Which system calls a container may make: what docker's default profile lets through (moby's profiles repository,
 * seccomp/default_linux.go, as of June 2026), grouped by what the calls are for. docs/isolation.md lists the differences.
 *
 * What is not in here is refused. Before a name is added, ask what it does for one who has broken into a container: each
 * call is a way into the kernel, and the kernel is the only wall there is.
 */
import { Errno } from "../../../ffi/errno.ts";
import type { CapabilityName } from "../capabilities.ts";

/** Splits a list of names as it is written below. */
const names = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Calls that every container may make, whatever their arguments. */
export const ALLOWED: readonly string[] = Object.values({
  openingFiles: names(`
    access chdir chmod chown chown32 close close_range creat dup dup2 dup3 faccessat faccessat2 fchdir fchmod fchmodat fchmodat2
    fchown fchown32 fchownat fcntl fcntl64 flock getcwd getdents getdents64 ioctl lchown lchown32 link linkat mkdir mkdirat mknod
    mknodat name_to_handle_at open openat openat2 readlink readlinkat rename renameat renameat2 rmdir symlink symlinkat umask
    unlink unlinkat`),
  readingAndWriting: names(`
    _llseek copy_file_range fadvise64 fadvise64_64 fallocate fdatasync fsync ftruncate ftruncate64 lseek pread64 preadv preadv2
    pwrite64 pwritev pwritev2 read readahead readv sendfile sendfile64 splice sync sync_file_range syncfs tee truncate truncate64
    vmsplice write writev`),
  asynchronousInputAndOutput: names(`
    io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit`),
  metadata: names(`
    cachestat fgetxattr flistxattr fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 futimesat getxattr getxattrat
    lgetxattr listmount listxattr listxattrat llistxattr lremovexattr lsetxattr lstat lstat64 newfstatat removexattr removexattrat
    setxattr setxattrat stat stat64 statfs statfs64 statmount statx utime utimensat utimensat_time64 utimes`),
  waitingForEvents: names(`
    _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch pause poll ppoll ppoll_time64 pselect6
    pselect6_time64 select signalfd signalfd4`),
  memory: names(`
    brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap
    mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages`),
  // With CAP_SYS_PTRACE or without: before Linux 4.8, ptrace could get around this filter, and docker looks at the kernel's
  // version therefore. Frontloader does not start on any that old, as it needs openat2 (5.6).
  processes: names(`
    execve execveat exit exit_group fork getpgid getpgrp getpid getppid getsid gettid pidfd_open process_vm_readv
    process_vm_writev ptrace setpgid setsid vfork wait4 waitid waitpid`),
  // arch_prctl, get_thread_area, modify_ldt, set_thread_area: segments of x86. uretprobe: the kernel itself puts it into
  // programs that are being traced.
  threads: names(`
    arch_prctl futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area modify_ldt
    restart_syscall rseq set_robust_list set_thread_area set_tid_address uretprobe`),
  signals: names(`
    alarm kill pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn tgkill tkill`),
  identity: names(`
    capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid
    getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32
    setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`),
  givingUpRights: names(`
    landlock_add_rule landlock_create_ruleset landlock_restrict_self prctl seccomp`),
  limitsAndScheduling: names(`
    getcpu getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 sched_get_priority_max sched_get_priority_min
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield setpriority setrlimit times ugetrlimit`),
  // adjtimex and clock_adjtime also read the clock: to change it, the kernel asks for CAP_SYS_TIME itself.
  time: names(`
    adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
    clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
    timerfd_settime64`),
  // Of 32-bit programs, socketcall makes any socket: its arguments are in memory, where no filter can look.
  sockets: names(`
    accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmmsg_time64 recvmsg
    sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`),
  pipesQueuesAndSharedMemory: names(`
    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl
    msgget msgrcv msgsnd pipe pipe2 semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`),
  aboutTheMachine: names(`getrandom sysinfo uname`),
}).flat();

/** What an argument must be for a call to pass. Only its low 32 bits are looked at: see {@linkcode CONDITIONAL}. */
export type ArgumentRule =
  & {
    /** Which argument, from 0. */
    readonly argument: number;
  }
  & (
    | { readonly oneOf: readonly number[] }
    | { readonly noneOf: readonly number[] }
    | { readonly withoutBits: number }
  );

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (linux/sched.h). */
const CLONE_NAMESPACES = 0x7e020000;

/** Address families (bits/socket.h). */
const AF_ALG = 38;
const AF_VSOCK = 40;

/** sys/personality.h */
const PER_LINUX = 0;
const PER_LINUX32 = 0x0008;
const UNAME26 = 0x20000;
/** Asks for the present one and changes nothing. */
const PERSONALITY_QUERY = 0xffffffff;

/**
 * Calls that pass with certain arguments only.
 *
 * The kernel takes each of these arguments as 32 bits, and drops what a program puts above. A comparison of all 64 lets
 * AF_ALG + 2^32 pass, which is AF_ALG to the kernel: the mistake of CVE-2019-7303 and CVE-2019-10063.
 */
export const CONDITIONAL: Readonly<Record<string, ArgumentRule>> = {
  // New namespaces are new rights, over code of the kernel that was written for root.
  clone: { argument: 0, withoutBits: CLONE_NAMESPACES },
  // AF_VSOCK talks to the hypervisor and knows no namespaces; AF_ALG is the kernel's cryptography on foreign data.
  socket: { argument: 0, noneOf: [AF_ALG, AF_VSOCK] },
  // Others switch protections off, such as that of addresses being random.
  personality: {
    argument: 0,
    oneOf: [PER_LINUX, PER_LINUX32, UNAME26, UNAME26 | PER_LINUX32, PERSONALITY_QUERY],
  },
};

/** Calls that a capability opens, whatever their arguments. The kernel still asks for the capability itself. */
export const WITH_CAPABILITY: Readonly<Partial<Record<CapabilityName, readonly string[]>>> = {
  CAP_BPF: ["bpf"],
  CAP_DAC_READ_SEARCH: ["open_by_handle_at"],
  CAP_PERFMON: ["perf_event_open"],
  CAP_SYS_ADMIN: names(`
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns
    syslog umount umount2 unshare`),
  CAP_SYS_BOOT: ["reboot"],
  CAP_SYS_CHROOT: ["chroot"],
  CAP_SYSLOG: ["syslog"],
  CAP_SYS_MODULE: ["delete_module", "finit_module", "init_module"],
  CAP_SYS_NICE: ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"],
  CAP_SYS_PACCT: ["acct"],
  CAP_SYS_PTRACE: ["kcmp", "pidfd_getfd", "process_madvise"],
  CAP_SYS_RAWIO: ["ioperm", "iopl"],
  CAP_SYS_TIME: ["clock_settime", "clock_settime64", "settimeofday", "stime"],
  CAP_SYS_TTY_CONFIG: ["vhangup"],
};

/**
 * How calls are refused that are not refused by EPERM. The flags of clone3 are in memory, where no filter can look; C
 * libraries that hear ENOSYS use clone instead, and after EPERM they give up.
 */
export const REFUSED_BY: Readonly<Record<string, number>> = { clone3: Errno.ENOSYS };
