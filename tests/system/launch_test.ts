import assert from "node:assert/strict";
import { kill, Signal } from "../../ffi/process.ts";
import type { FileSettings } from "../../src/config/settings.ts";
import type { LaunchSpec } from "../../src/container/launch_spec.ts";
import { capabilityMask } from "../../src/container/stage/credentials.ts";
import { StagePool } from "../../src/container/stage_pool.ts";
import { BusyboxRoot } from "../support/busybox_root.ts";
import { eventually } from "../support/frontloader.ts";
import { childrenOf, mountsWith } from "../support/process_facts.ts";

/** Runs a script in a container of its own and returns its standard output. */
async function outputOf(
  script: string,
  changes: Partial<LaunchSpec> = {},
  prepare: (root: BusyboxRoot) => void = () => {},
): Promise<readonly string[]> {
  using root = new BusyboxRoot();
  prepare(root);
  const { stdout, stderr, status } = await root.launch(root.spec(script, changes));
  assert.deepEqual({ status, stderr }, { status: { kind: "exited", code: 0 }, stderr: [] });
  return stdout;
}

/** The fields of /proc/self/status inside; without a shell, which ignores signals of its own accord. */
async function statusOf(changes: Partial<LaunchSpec>): Promise<Record<string, string>> {
  const lines = await outputOf("", { argv: ["cat", "/proc/self/status"], ...changes });
  return Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim().replaceAll(/\s+/g, " ")];
  }));
}

function file(path: string, contents: string): FileSettings {
  return { path, contents, uid: 0, gid: 0, mode: 0o644 };
}

const hex = (mask: bigint) => mask.toString(16).padStart(16, "0");

const credentials: readonly {
  uid: number;
  gid: number;
  groups: number[];
  capabilities: string[];
}[] = [
  { uid: 0, gid: 0, groups: [0], capabilities: [] },
  { uid: 0, gid: 0, groups: [], capabilities: ["CAP_NET_BIND_SERVICE"] },
  { uid: 0, gid: 5, groups: [5, 6], capabilities: ["CAP_CHOWN", "CAP_SETUID", "CAP_KILL"] },
  { uid: 1000, gid: 1000, groups: [1000], capabilities: [] },
  { uid: 1000, gid: 1000, groups: [1000, 7, 8], capabilities: ["CAP_NET_BIND_SERVICE"] },
  {
    uid: 65534,
    gid: 0,
    groups: [0],
    capabilities: ["CAP_NET_BIND_SERVICE", "CAP_SYS_NICE", "CAP_BPF"],
  },
  { uid: 4294967294, gid: 4294967294, groups: [], capabilities: [] },
];

for (const { uid, gid, groups, capabilities } of credentials) {
  const names = capabilities.join(" ") || "no capabilities";
  Deno.test(`a container with uid ${uid}, gid ${gid}, groups [${groups}] and ${names} has exactly these`, async () => {
    const status = await statusOf({ uid, gid, groups, capabilities });
    const wanted = hex(capabilityMask(capabilities));
    const inheritable = uid === 0 ? hex(0n) : wanted;
    const { CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs, Uid, Gid, Groups } = status;
    assert.deepEqual(
      { CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs, Uid, Gid, Groups },
      {
        CapInh: inheritable,
        CapPrm: wanted,
        CapEff: wanted,
        CapBnd: wanted,
        CapAmb: inheritable,
        NoNewPrivs: "1",
        Uid: Array(4).fill(uid).join(" "),
        Gid: Array(4).fill(gid).join(" "),
        Groups: groups.toSorted((a, b) => a - b).join(" "),
      },
    );
  });
}

Deno.test("a capability that this machine does not give is a start that fails", async () => {
  // A child of a process without the capability in its bounding set: that is what drop() of a bounded machine looks like.
  using root = new BusyboxRoot();
  const all = BigInt("0x" + /CapBnd:\s*(\w+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
  const missing = Array.from({ length: 41 }, (_, bit) => bit).find((bit) =>
    (all >> BigInt(bit) & 1n) === 0n
  );
  const { CAPABILITIES } = await import("../../src/container/capabilities.ts");
  const name = Object.entries(CAPABILITIES).find(([, bit]) => bit === missing)?.[0];
  if (name === undefined) {
    // This machine gives all of them: then having all must work.
    const { CapEff } = await statusOf({ capabilities: Object.keys(CAPABILITIES) });
    assert.equal(CapEff, hex(capabilityMask(Object.keys(CAPABILITIES))));
    return;
  }
  await assert.rejects(
    root.launch(root.spec("true", { capabilities: [name] })),
    /Cannot set capabilities .*EPERM/,
  );
});

Deno.test("no signal is blocked, ignored or caught", async () => {
  const { SigBlk, SigIgn, SigPnd } = await statusOf({});
  assert.deepEqual({ SigBlk, SigIgn, SigPnd }, {
    SigBlk: hex(0n),
    SigIgn: hex(0n),
    SigPnd: hex(0n),
  });
});

Deno.test("only descriptors 0, 1 and 2 are open", async () => {
  // ls itself opens the directory it lists, as 3.
  assert.deepEqual(await outputOf("ls /proc/self/fd"), ["0", "1", "2", "3"]);
  assert.deepEqual(await outputOf("readlink /proc/self/fd/0"), ["/dev/null"]);
  assert.deepEqual(await outputOf("ls /proc/1/fd"), ["0", "1", "2"]);
});

Deno.test("the environment is exactly what was asked for", async () => {
  const env = { PATH: "/bin", GREETING: "hello world", EMPTY: "", UNICODE: "ä→😀" };
  const lines = await outputOf("exec env", { env });
  // PWD and SHLVL are the shell's own.
  const own = lines.filter((line) => !/^(PWD|SHLVL|OLDPWD)=/.test(line));
  assert.deepEqual(
    own.toSorted(),
    Object.entries(env).map(([name, value]) => `${name}=${value}`).toSorted(),
  );
});

Deno.test("arguments arrive as they are", async () => {
  using root = new BusyboxRoot();
  const argv = ["sh", "-c", 'for a in "$@"; do echo "[$a]"; done', "x", "", "a b", "$HOME", "ü\n2"];
  const { stdout } = await root.launch(root.spec("", { argv }));
  assert.deepEqual(stdout, ["[]", "[a b]", "[$HOME]", "[ü", "2]"]);
});

Deno.test("the host name is the container's alone", async () => {
  const before = Deno.hostname();
  assert.deepEqual(await outputOf("hostname", { hostname: "inside" }), ["inside"]);
  assert.deepEqual(await outputOf("hostname"), [before]);
  assert.equal(Deno.hostname(), before);
});

Deno.test("exit codes pass", async () => {
  using root = new BusyboxRoot();
  for (const code of [0, 1, 42, 255]) {
    const { status } = await root.launch(root.spec(`exit ${code}`));
    assert.deepEqual(status, { kind: "exited", code });
  }
});

Deno.test("a program that dies of a signal ends with 128 and its number, as in a shell", async () => {
  using root = new BusyboxRoot();
  const { status } = await root.launch(root.spec("kill -9 $$"));
  assert.deepEqual(status, { kind: "exited", code: 137 });
});

Deno.test("TERM reaches the whole process group", async () => {
  using root = new BusyboxRoot();
  const script =
    "trap 'wait; echo outer; exit 3' TERM; sh -c \"trap 'echo inner; exit' TERM; echo ready; while :; do sleep 0.05; done\" & wait";
  const { stdout, status } = await root.launch(root.spec(script), async (pid, lines) => {
    await eventually("the container is ready", () => lines.includes("ready") || undefined);
    kill(pid, Signal.TERM);
  });
  assert.deepEqual(stdout.toSorted(), ["inner", "outer", "ready"]);
  assert.deepEqual(status, { kind: "exited", code: 3 });
});

Deno.test("zombies are reaped by the container's init", async () => {
  const lines = await outputOf(
    // One that has just become a zombie is none that stays.
    `for i in 1 2 3 4 5; do (sh -c 'sleep 0.05 & exit' &) ; done
    left() { ps -o stat,args | grep -E '^Z|^[A-Z]+ +(sh -c )?sleep'; }
    i=0; while left >/tmp/left && [ $i -lt 1000 ]; do i=$((i + 1)); sleep 0.05; done
    cat /tmp/left; ps -o stat,args`,
  );
  assert(lines.length > 2);
  assert.deepEqual(lines.filter((line) => /^(Z|\S+ +sleep)/.test(line)), []);
});

Deno.test("PID 1 is a sealed copy of the init, and nothing of the machine is behind it", async () => {
  assert.deepEqual(await outputOf("readlink /proc/1/exe"), ["/memfd:init (deleted)"]);
});

Deno.test("a container sees its own processes only", async () => {
  const lines = await outputOf("ls /proc | grep -c '^[0-9]'");
  assert(Number(lines[0]) <= 5, `${lines[0]} processes`);
});

Deno.test("the root file system is read-only, /tmp and /dev/shm are not", async () => {
  const script =
    "touch /x 2>/dev/null && echo root; touch /tmp/x && echo tmp; touch /dev/shm/x && echo shm; " +
    "touch /etc/resolv.conf 2>/dev/null && echo etc; true";
  assert.deepEqual(await outputOf(script, { capabilities: ["CAP_DAC_OVERRIDE"] }), ["tmp", "shm"]);
});

Deno.test("a writable root file system takes writes, and the image does not see them", async () => {
  using root = new BusyboxRoot();
  const { stdout } = await root.launch(
    root.spec("echo new >/etc/new; cat /etc/new", { readOnly: false }),
  );
  assert.deepEqual(stdout, ["new"]);
  assert.throws(() => Deno.statSync(`${root.tree}/etc/new`), Deno.errors.NotFound);
});

Deno.test("what tells or does too much in /proc and /sys is masked", async () => {
  const script = `
    for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/interrupts; do
      [ -e $f ] && echo "$f $(wc -c <$f)"
    done
    for d in /proc/acpi /proc/scsi /sys/firmware; do [ -d $d ] && echo "$d $(ls $d | wc -l)"; done
    for f in /proc/sys/kernel/domainname /proc/sysrq-trigger /sys/kernel/profiling; do
      (echo x >$f) 2>/dev/null && echo "$f was written"
    done
    true`;
  const lines = await outputOf(script, { capabilities: ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"] });
  assert(lines.length >= 3, lines.join());
  for (const line of lines) assert.match(line, / 0$/);
});

Deno.test("/dev holds the standard devices and nothing else", async () => {
  const names = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
    .split(" ");
  assert.deepEqual(await outputOf("ls /dev"), names);
  const numbers = await outputOf(
    "cd /dev; stat -c '%n %F %a %t %T' null zero full random urandom tty",
  );
  assert.deepEqual(numbers, [
    "null character special file 666 1 3",
    "zero character special file 666 1 5",
    "full character special file 666 1 7",
    "random character special file 666 1 8",
    "urandom character special file 666 1 9",
    "tty character special file 666 5 0",
  ]);
});

Deno.test("a program that is not root can open /dev/stdout and /dev/stderr", async () => {
  using root = new BusyboxRoot();
  const spec = root.spec("echo out >/dev/stdout; echo err >/dev/stderr", {
    uid: 1000,
    gid: 1000,
    groups: [1000],
  });
  const { stdout, stderr } = await root.launch(spec);
  assert.deepEqual({ stdout, stderr }, { stdout: ["out"], stderr: ["err"] });
});

Deno.test("files of the machine's /etc are written, also behind a symlink of the image that leads nowhere", async () => {
  const files = [
    file("/etc/resolv.conf", "nameserver 192.0.2.1\n"),
    file("/etc/hosts", "127.0.0.1 localhost\n"),
  ];
  const lines = await outputOf("cat /etc/resolv.conf /etc/hosts; cat /run/systemd/stub.conf", {
    files,
  }, (root) => {
    Deno.symlinkSync("../run/systemd/stub.conf", `${root.tree}/etc/resolv.conf`);
  });
  assert.deepEqual(lines, ["nameserver 192.0.2.1", "127.0.0.1 localhost", "nameserver 192.0.2.1"]);
});

Deno.test("a FIFO in the place of such a file is an error, not a wait", async () => {
  using root = new BusyboxRoot();
  await new Deno.Command("mkfifo", { args: [`${root.tree}/etc/hosts`] }).output();
  await assert.rejects(
    root.launch(root.spec("true", { files: [file("/etc/hosts", "x")] })),
    /\/etc\/hosts.*ENXIO/,
  );
});

for (const name of ["proc", "sys", "dev"]) {
  Deno.test(`an image whose /${name} is a symlink cannot be started`, async () => {
    using root = new BusyboxRoot();
    Deno.symlinkSync("/tmp", `${root.tree}/${name}`);
    await assert.rejects(root.launch(root.spec("true")), new RegExp(`"/${name}".*(ELOOP|ENOTDIR)`));
  });
}

Deno.test("bind mounts of directories, files and devices appear inside, and missing destinations are made", async () => {
  using root = new BusyboxRoot();
  Deno.mkdirSync(`${root.directory}/data`);
  Deno.writeTextFileSync(`${root.directory}/data/file`, "of the machine\n");
  const mounts = [
    { inside: "/srv/deep/data", outside: `${root.directory}/data`, readOnly: false },
    { inside: "/etc/one-file", outside: `${root.directory}/data/file`, readOnly: false },
    { inside: "/dev/my-zero", outside: "/dev/zero", readOnly: false },
  ] as const;
  const script =
    "cat /srv/deep/data/file /etc/one-file; head -c 2 /dev/my-zero | wc -c; echo w >/srv/deep/data/new";
  const { stdout, stderr } = await root.launch(
    root.spec(script, { mounts, capabilities: ["CAP_DAC_OVERRIDE"] }),
  );
  assert.deepEqual({ stdout, stderr }, {
    stdout: ["of the machine", "of the machine", "2"],
    stderr: [],
  });
  assert.equal(Deno.readTextFileSync(`${root.directory}/data/new`), "w\n");
});

Deno.test("a mount's destination behind symlinks of the image stays in the image", async () => {
  using root = new BusyboxRoot();
  Deno.mkdirSync(`${root.directory}/data`);
  Deno.writeTextFileSync(`${root.directory}/data/file`, "inside\n");
  const outside = `${root.directory}/escaped`;
  Deno.symlinkSync(`../../../../../../../..${outside}`, `${root.tree}/up`);
  Deno.symlinkSync(outside, `${root.tree}/absolute`);
  const mounts = ["/up/x", "/absolute/y"].map((inside) => ({
    inside,
    outside: `${root.directory}/data`,
    readOnly: false,
  }));
  const { stdout } = await root.launch(root.spec("cat /up/x/file /absolute/y/file", { mounts }));
  assert.deepEqual(stdout, ["inside", "inside"]);
  assert.throws(() => Deno.statSync(outside), Deno.errors.NotFound);
});

Deno.test("mounts of the container do not show up on the machine", async () => {
  // Others on the machine mount things, too.
  const mounts = () => mountsWith("frontloader");
  const before = mounts();
  using root = new BusyboxRoot();
  let during: string[] = [];
  await root.launch(root.spec("exec sleep 1000"), (pid) => {
    during = mounts();
    kill(pid, Signal.KILL);
  });
  const added = during.filter((line) => !before.includes(line));
  // The root file system alone: unmounting it is the caller's business.
  assert.equal(added.length, 1, added.join("\n"));
  assert.deepEqual(mounts(), before);
});

Deno.test("the working directory is made when it is missing, and entered", async () => {
  assert.deepEqual(await outputOf("pwd", { cwd: "/srv/app" }), ["/srv/app"]);
});

Deno.test("a working directory that leads out through a descriptor is refused", async () => {
  using root = new BusyboxRoot();
  for (const cwd of ["/proc/self/fd/3", "/proc/self/fd/8", "/proc/self/fd/20/.."]) {
    await assert.rejects(root.launch(root.spec("pwd", { cwd })));
  }
});

const failures: readonly { name: string; changes: Partial<LaunchSpec>; message: RegExp }[] = [
  {
    name: "not in PATH",
    changes: { argv: ["nonsense"] },
    message: /Cannot run "nonsense": not found in PATH \(\/bin\)/,
  },
  {
    name: "a missing file",
    changes: { argv: ["/bin/no"] },
    message: /Cannot run "\/bin\/no": not found in the image/,
  },
  { name: "a directory", changes: { argv: ["/bin"] }, message: /Cannot run "\/bin": is no file/ },
  {
    name: "not executable",
    changes: { argv: ["/etc/text"] },
    message: /Cannot run "\/etc\/text": may not be executed/,
  },
  { name: "empty", changes: { argv: [""] }, message: /Cannot run ""/ },
];
for (const { name, changes, message } of failures) {
  Deno.test(`a command that is ${name} is a start that fails`, async () => {
    using root = new BusyboxRoot();
    Deno.writeTextFileSync(`${root.tree}/etc/text`, "text");
    await assert.rejects(root.launch(root.spec("", changes)), message);
  });
}

Deno.test("a missing source of a mount is an error that names both sides", async () => {
  using root = new BusyboxRoot();
  const mounts = [{ inside: "/data", outside: "/no/such/place", readOnly: false }];
  await assert.rejects(
    root.launch(root.spec("true", { mounts })),
    /"\/no\/such\/place" of the machine on "\/data" of the container[\s\S]*ENOENT/,
  );
});

Deno.test("output without a line end is not lost, and neither is a burst before the end", async () => {
  const lines = await outputOf(
    "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; printf last",
  );
  assert.equal(lines.length, 2001);
  assert.equal(lines.at(-1), "last");
  assert.equal(lines[1999], "line 1999");
});

Deno.test("a stage that is prepared is the one that is launched, and a dead one is not", async () => {
  await using pool = new StagePool();
  pool.prepare();
  pool.prepare();
  const [first, ...others] = childrenOf(Deno.pid);
  assert(first !== undefined && others.length === 0, "one stage is enough");
  kill(first.pid, Signal.KILL);
  await eventually("the stage is gone", () => childrenOf(Deno.pid).length === 0 || undefined);
  await using stage = pool.take();
  assert(stage.isWaiting);
  const [second] = childrenOf(Deno.pid);
  assert.notEqual(second?.pid, first.pid);
});

Deno.test("a stage that is not needed ends by itself when it is disposed of", async () => {
  {
    await using pool = new StagePool();
    pool.prepare();
    assert.equal(childrenOf(Deno.pid).length, 1);
  }
  assert.deepEqual(childrenOf(Deno.pid), []);
});
