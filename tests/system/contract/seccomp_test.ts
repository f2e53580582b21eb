/** Which system calls get through to the kernel, tried inside of containers. Needs root. */
import assert from "node:assert/strict";
import numbers from "../../../src/container/seccomp/syscall_numbers.json" with { type: "json" };
import { ConfiguredContainers } from "../../support/configured_containers.ts";

const containers = await ConfiguredContainers.create("debian");
Deno.test.afterAll(() => containers[Symbol.dispose]());

/** Errors, as x86_64 and aarch64 both number them. */
const [OK, EPERM, ENOSYS] = [0, 1, 38];

/** A system call, and what comes back when the filter is on. */
interface Row {
  readonly call: string;
  /** As perl expressions. None of them does anything: what the kernel thinks of them without a filter is not EPERM. */
  readonly args: readonly string[];
  readonly errno: number;
  readonly capabilities?: readonly string[];
  /** True if some kernels refuse it themselves, without the capability that opens it. */
  readonly minded?: true;
}

const NULL = "0";
const MINUS = "-1";

/** What docker's default profile refuses to root in a container; some of it is not on every kind of machine. */
const refused = ([
  { call: "add_key", args: [NULL, NULL, NULL, "0", "0"], errno: EPERM },
  { call: "request_key", args: [NULL, NULL, NULL, "0"], errno: EPERM },
  // KEYCTL_GET_KEYRING_ID of the session's
  { call: "keyctl", args: ["0", "-3", "0"], errno: EPERM },
  // CLONE_NEWUSER, and with CLONE_FS, which never goes together
  { call: "unshare", args: ["0x10000000"], errno: EPERM },
  { call: "clone", args: ["0x10000200", NULL, NULL, NULL, NULL], errno: EPERM },
  // CLONE_NEWNS with CLONE_FS
  { call: "clone", args: ["0x00020200", NULL, NULL, NULL, NULL], errno: EPERM },
  { call: "clone3", args: [NULL, "0"], errno: ENOSYS },
  { call: "setns", args: [MINUS, "0"], errno: EPERM },
  { call: "mount", args: [NULL, NULL, NULL, "0", NULL], errno: EPERM },
  { call: "umount2", args: [NULL, "0x100"], errno: EPERM },
  { call: "open_tree", args: [MINUS, NULL, "0xff0000"], errno: EPERM },
  { call: "mount_setattr", args: [MINUS, NULL, "0xff0000", NULL, "0"], errno: EPERM },
  { call: "swapon", args: [NULL, "0x7f000000"], errno: EPERM, capabilities: ["SYS_ADMIN"] },
  { call: "pivot_root", args: [NULL, NULL], errno: EPERM, capabilities: ["SYS_ADMIN"] },
  { call: "perf_event_open", args: [NULL, "0", "0", MINUS, "0"], errno: EPERM },
  // UFFD_USER_MODE_ONLY
  { call: "userfaultfd", args: ["1"], errno: EPERM },
  { call: "io_uring_setup", args: ["0", NULL], errno: EPERM },
  { call: "io_uring_enter", args: [MINUS, "0", "0", "0", NULL, "0"], errno: EPERM },
  { call: "io_uring_register", args: [MINUS, "0", NULL, "0"], errno: EPERM },
  { call: "kexec_load", args: ["0", "99", NULL, "0"], errno: EPERM, capabilities: ["SYS_BOOT"] },
  {
    call: "kexec_file_load",
    args: [MINUS, MINUS, "0", NULL, "0x7000"],
    errno: EPERM,
    capabilities: ["SYS_BOOT"],
  },
  // FAN_REPORT_FID, which everybody may
  { call: "fanotify_init", args: ["0x200", "0"], errno: EPERM },
  { call: "bpf", args: ["9999", NULL, "0"], errno: EPERM, minded: true },
  { call: "open_by_handle_at", args: [MINUS, NULL, "0"], errno: EPERM, minded: true },
  { call: "quotactl", args: ["0", NULL, "0", NULL], errno: EPERM },
  { call: "lookup_dcookie", args: ["0", NULL, "0"], errno: EPERM, minded: true },
  { call: "fsopen", args: [NULL, "0xff00"], errno: EPERM, minded: true },
  { call: "acct", args: [NULL], errno: EPERM, minded: true },
  { call: "syslog", args: ["99", NULL, "0"], errno: EPERM, minded: true },
  { call: "init_module", args: [NULL, "0", NULL], errno: EPERM, minded: true },
  { call: "nfsservctl", args: ["0", NULL, NULL], errno: EPERM },
  { call: "sysfs", args: ["99", NULL, NULL], errno: EPERM },
  { call: "ustat", args: [NULL, NULL], errno: EPERM },
  { call: "iopl", args: ["4"], errno: EPERM },
  { call: "get_mempolicy", args: [NULL, NULL, "0", "0", "0xff00"], errno: EPERM },
  { call: "set_mempolicy", args: ["99", NULL, "0"], errno: EPERM },
  { call: "mbind", args: ["0", "4096", "99", NULL, "0", "0"], errno: EPERM },
  { call: "move_pages", args: ["0", "0", NULL, NULL, NULL, "0xff00"], errno: EPERM },
  { call: "migrate_pages", args: ["999999999", "0", NULL, NULL], errno: EPERM },
  { call: "kcmp", args: ["999999999", "999999999", "0", "0", "0"], errno: EPERM },
  { call: "pidfd_getfd", args: [MINUS, "0", "1"], errno: EPERM },
  { call: "process_madvise", args: [MINUS, NULL, "0", "0", "1"], errno: EPERM },
  // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC
  { call: "personality", args: ["0x0040000"], errno: EPERM },
  { call: "personality", args: ["0x0400000"], errno: EPERM },
  // AF_VSOCK and AF_ALG; and the same with a bit above the 32 that the kernel looks at
  { call: "socket", args: ["40", "99", "0"], errno: EPERM },
  { call: "socket", args: ["38", "99", "0"], errno: EPERM },
  { call: "socket", args: ["(1<<32)+38", "99", "0"], errno: EPERM },
  { call: "clock_settime", args: ["99999", NULL], errno: EPERM },
  { call: "settimeofday", args: ["1", NULL], errno: EPERM },
] satisfies Row[] as Row[]).filter(({ call }) => Object.hasOwn(numbers[Deno.build.arch], call));

/** What passes, and what the kernel itself says of it. */
const passed: readonly Row[] = [
  { call: "getpid", args: [], errno: OK },
  // CLONE_FS alone is no namespace
  { call: "clone", args: ["0x00010000", NULL, NULL, NULL, NULL], errno: 22 },
  // PTRACE_PEEKDATA of nobody
  { call: "ptrace", args: ["2", "999999999", NULL, NULL], errno: 3 },
  // PER_LINUX, and the question which one it is
  { call: "personality", args: ["0"], errno: OK },
  { call: "personality", args: ["0xffffffff"], errno: OK },
  { call: "socket", args: ["1", "1", "0"], errno: OK },
  { call: "seccomp", args: ["99", "0", NULL], errno: 22 },
  { call: "memfd_create", args: [NULL, "0"], errno: 14 },
  // Numbers that no call has
  { call: "9999", args: [], errno: ENOSYS },
  // Opened by a capability
  { call: "setns", args: [MINUS, "0"], errno: 9, capabilities: ["SYS_ADMIN"] },
  { call: "mount", args: [NULL, NULL, NULL, "0", NULL], errno: 14, capabilities: ["SYS_ADMIN"] },
  { call: "unshare", args: ["0x00020000"], errno: OK, capabilities: ["SYS_ADMIN"] },
  { call: "reboot", args: ["0", "0", "0", NULL], errno: 22, capabilities: ["SYS_BOOT"] },
  {
    call: "kcmp",
    args: ["999999999", "999999999", "0", "0", "0"],
    errno: 3,
    capabilities: ["SYS_PTRACE"],
  },
  { call: "chroot", args: [NULL], errno: 14, capabilities: ["SYS_CHROOT"] },
];

/** Tries calls in one container, each in a process of its own. */
async function errnosOf(
  rows: readonly Row[],
  settings: Readonly<Record<string, unknown>>,
): Promise<number[]> {
  const calls = rows.map(({ call, args }) => {
    const number = Object.entries(numbers[Deno.build.arch]).find(([name]) => name === call)?.[1];
    return `[${[number ?? call, ...args].join(", ")}]`;
  });
  const script = `
    $| = 1;
    for my $call (${calls.join(", ")}) {
      pipe(my $in, my $out); my $pid = fork();
      if (!$pid) { $! = 0; my $result = syscall($call->[0], map { int($_) } @$call[1 .. $#$call]); my $errno = $! + 0;
        syswrite($out, $result == -1 ? $errno : 0); exit 0 }
      close $out; waitpid($pid, 0); my $errno = <$in>; print "$errno\\n";
    }`;
  const lines = await containers.output(["perl", "-e", script], { tree: "debian", settings });
  return lines.map(Number);
}

const named = (rows: readonly Row[], errnos: readonly number[]) =>
  rows.map(({ call, args }, index) => `${call}(${args.join(", ")}): ${errnos[index]}`);

const wanted = (rows: readonly Row[]) => named(rows, rows.map(({ errno }) => errno));

for (
  const [capabilities, rows] of Map.groupBy(refused, ({ capabilities = [] }) => capabilities.join())
) {
  const settings = { capabilities: capabilities === "" ? [] : capabilities.split(",") };
  const having = capabilities === "" ? "" : ` with ${capabilities}`;
  Deno.test(`root${having} is refused ${rows.map(({ call }) => call).join(", ")}`, async () => {
    assert.deepEqual(named(rows, await errnosOf(rows, settings)), wanted(rows));
  });

  Deno.test(`without a filter the kernel itself does not mind${having}: ${rows.length} calls`, async () => {
    const tried = rows.filter(({ minded }) => !minded);
    const errnos = await errnosOf(tried, { ...settings, seccomp: false });
    // It is by the filter alone that they are refused: what is not in this kernel at all cannot tell.
    const minded = named(tried, errnos).filter((_, index) => errnos[index] === EPERM);
    assert.deepEqual(minded, []);
  });
}

for (
  const [capabilities, rows] of Map.groupBy(passed, ({ capabilities = [] }) => capabilities.join())
) {
  Deno.test(`root with ${capabilities || "no capabilities"} gets ${rows.map(({ call }) => call).join(", ")} through to the kernel`, async () => {
    const settings = { capabilities: capabilities === "" ? [] : capabilities.split(",") };
    assert.deepEqual(named(rows, await errnosOf(rows, settings)), wanted(rows));
  });
}

Deno.test("the filter is the same for a user, and for a container without an init", async () => {
  const rows = refused.filter(({ capabilities }) => capabilities === undefined);
  const errnos = await errnosOf(rows, { uid: 1000, gid: 1000, init: false });
  assert.deepEqual(named(rows, errnos), wanted(rows));
});

Deno.test("the status of a process tells whether there is a filter", async () => {
  const command = ["grep", "^Seccomp:", "/proc/self/status"];
  const status = (settings: Record<string, unknown>) =>
    containers.output(command, { tree: "debian", settings });
  assert.deepEqual(await status({}), ["Seccomp:\t2"]);
  assert.deepEqual(await status({ seccomp: false }), ["Seccomp:\t0"]);
});
