/** What every container must have, row by row: from the tests, specifications and CVEs of docker, runc and crun. Needs root. */
import assert from "node:assert/strict";
import { kill, Signal } from "../../../ffi/process.ts";
import { ConfiguredContainers, testInTrees } from "../../support/configured_containers.ts";
import { eventually } from "../../support/frontloader.ts";
import { FrontloaderFixture } from "../../support/frontloader_fixture.ts";

const containers = await ConfiguredContainers.create("busybox", "debian");
Deno.test.afterAll(() => containers[Symbol.dispose]());

testInTrees(
  "capability sets: all five are exactly what was asked for, and an unknown name is an error",
  async (tree) => {
    const settings = { uid: 9, capabilities: ["NET_RAW"] };
    const lines = await containers.output(["grep", "^Cap", "/proc/self/status"], {
      tree,
      settings,
    });
    const raw = "0000000000002000";
    assert.deepEqual(lines, [
      ...[`CapInh:\t${raw}`, `CapPrm:\t${raw}`, `CapEff:\t${raw}`, `CapBnd:\t${raw}`],
      `CapAmb:\t${raw}`,
    ]);
    const wrong = { settings: { capabilities: ["NET_RAV"] } };
    await assert.rejects(containers.run("true", wrong), /NET_RAV/);
  },
);

Deno.test("order: what needs rights comes before they are given up, and nothing after the last that must stay", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("test/order", "echo runs");
  const manifest = fixture.image("test/order");
  const container = { id: "order", manifest, uid: 7, gid: 8, capabilities: ["KILL"] };
  fixture.configure({ container });
  const trace = `${fixture.directory}/trace`;
  const calls =
    "rt_sigaction,close_range,chdir,setgroups,setresgid,setresuid,capset,prctl,seccomp," +
    "write,execveat";
  // -D: what is started stays this process's child
  const frontloader = fixture.start({}, {
    prefix: ["strace", "-D", "-f", "-qq", "-o", trace, "-e", `trace=${calls}`],
  });
  await frontloader.waitForLine(/order\| runs$/);
  await frontloader.stop();

  const lines = Deno.readTextFileSync(trace).split("\n");
  const exec = lines.find((line) => / execveat\(/.test(line))!;
  const [stage] = exec.split(" ");
  // What the stage did last, before it became the container; of a call that is shown in two lines the first tells which it is.
  const own = lines.filter((line) => line.startsWith(`${stage} `))
    .map((line) => line.slice(stage!.length).trim())
    .filter((line) => !line.startsWith("<..."));
  const until = own.findIndex((line) => line.startsWith("execveat("));
  const names = own.slice(0, until + 1)
    // Writing to the status pipe fails if the supervisor is gone.
    .map((line) => line.replace(/^write\(3, "ready/, "parent_alive("))
    .map((line) => /^prctl\(PR_(\w+)/.exec(line)?.[1] ?? /^(\w+)\(/.exec(line)?.[1] ?? line);
  const besides = ["CAPBSET_READ", "SET_NAME", "SET_VMA", "write"];
  const relevant = names.filter((name) => !besides.includes(name));
  const order = relevant.filter((name, index) => name !== relevant[index - 1]);
  assert.deepEqual(order.slice(order.indexOf("close_range") - 1), [
    ...["rt_sigaction", "close_range", "chdir", "CAPBSET_DROP", "SET_KEEPCAPS", "setgroups"],
    ...["setresgid", "setresuid", "capset", "CAP_AMBIENT", "SET_NO_NEW_PRIVS", "SET_PDEATHSIG"],
    ...["seccomp", "parent_alive", "execveat"],
  ]);
});

testInTrees("descriptors, cwd: 0, 1 and 2 alone, and a directory inside", async (tree) => {
  // ls has what it lists open, as 3.
  const lines = await containers.output("ls /proc/1/fd; ls /proc/self/fd; readlink /proc/1/cwd", {
    tree,
    image: { workingDir: "/srv/app" },
  });
  assert.deepEqual(lines, ["0", "1", "2", "0", "1", "2", "3", "/srv/app"]);
  for (const fd of [3, 5, 7, 8, 9, 12, 16, 20]) {
    for (const workingDir of [`/proc/self/fd/${fd}`, `/proc/self/fd/${fd}/../..`]) {
      const launch = { tree, image: { workingDir } };
      await assert.rejects(containers.run("pwd", launch), /Cannot/, workingDir);
    }
  }
});

testInTrees(
  "descriptors, cwd: a directory that is not for everybody is entered all the same",
  async (tree) => {
    const settings = { uid: 1000, gid: 1000 };
    const image = { workingDir: "/private" };
    const layer = (root: string) => {
      Deno.mkdirSync(`${root}/private`, { mode: 0o700 });
      Deno.writeTextFileSync(`${root}/private/file`, "");
    };
    const script = "readlink /proc/self/cwd; ls 2>/dev/null || echo denied";
    assert.deepEqual(await containers.output(script, { tree, settings, image, layer }), [
      "/private",
      "denied",
    ]);
  },
);

Deno.test("the container's init: sealed memory, which root in the container cannot write to", async () => {
  // F_GET_SEALS is 1034; all of SEAL, SHRINK, GROW and WRITE are 0xf. O_PATH then opening anew is the way of CVE-2019-5736.
  const script = `
    print readlink("/proc/1/exe"), "\\n";
    open(my $exe, "<", "/proc/1/exe") or die; print fcntl($exe, 1034, 0) & 15, "\\n";
    for my $path ("/proc/1/exe", "/proc/self/fd/" . fileno($exe)) {
      open(my $out, "+<", $path) and syswrite($out, "x") and print "written\\n";
    }
    exit 0`;
  const settings = { capabilities: ["DAC_OVERRIDE", "SYS_ADMIN", "SYS_PTRACE"] };
  const lines = await containers.output(["perl", "-e", script], { tree: "debian", settings });
  assert.deepEqual(lines, ["/memfd:init (deleted)", "15"]);
});

testInTrees(
  "/proc, /sys: what tells too much is empty, what does too much cannot be written to",
  async (tree) => {
    const script = `
    for f in kcore keys timer_list sched_debug interrupts latency_stats timer_stats; do
      [ -e /proc/$f ] && [ "$(head -c 1 /proc/$f | wc -c)" != 0 ] && echo /proc/$f
    done
    for d in /proc/acpi /proc/asound /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do
      [ -d $d ] && [ -n "$(ls -A $d)" ] && echo $d
    done
    for f in /proc/sys/kernel/domainname /proc/sys/vm/drop_caches /proc/sysrq-trigger /proc/irq/default_smp_affinity \\
      /proc/fs/new /proc/bus/new /sys/kernel/profiling /sys/power/state; do
      (: >>$f) 2>/dev/null && echo $f
    done
    true`;
    const settings = { capabilities: ["DAC_OVERRIDE", "SYS_ADMIN", "SYS_RAWIO", "SYSLOG"] };
    assert.deepEqual(await containers.output(script, { tree, settings }), []);
  },
);

for (const name of ["proc", "sys", "dev"]) {
  Deno.test(`/proc, /sys, /dev: an image whose /${name} is a symlink, or a file, is not started`, async () => {
    for (
      const make of [
        (root: string) => Deno.symlinkSync("/tmp", `${root}/${name}`),
        (root: string) => Deno.symlinkSync("tmp", `${root}/${name}`),
        (root: string) => Deno.writeTextFileSync(`${root}/${name}`, ""),
      ]
    ) {
      await assert.rejects(
        containers.run("true", { layer: make }),
        new RegExp(
          `Cannot open "/${name}" of the image as a directory that is no symlink: (ELOOP|ENOTDIR)`,
        ),
      );
    }
  });
}

testInTrees(
  "/dev: the standard nodes and links, and nothing that the image has there",
  async (tree) => {
    const layer = (root: string) => {
      Deno.mkdirSync(`${root}/dev`);
      Deno.writeTextFileSync(`${root}/dev/of-the-image`, "");
      Deno.symlinkSync("/etc/passwd", `${root}/dev/null`);
    };
    const script = `
    cd /dev; ls
    for f in null zero full random urandom tty; do stat -c '%n %F %a %t %T' $f; done
    for f in fd stdin stdout stderr ptmx; do echo $f $(readlink $f); done
    stat -f -c %T pts shm mqueue 2>/dev/null | wc -l
    echo x >null; head -c 2 zero | wc -c; head -c 2 urandom | wc -c
    (echo x >full) 2>/dev/null || echo full
    (: <tty) 2>/dev/null || echo no terminal`;
    assert.deepEqual(await containers.output(script, { tree, layer }), [
      ..."fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero".split(" "),
      "null character special file 666 1 3",
      "zero character special file 666 1 5",
      "full character special file 666 1 7",
      "random character special file 666 1 8",
      "urandom character special file 666 1 9",
      "tty character special file 666 5 0",
      ...["fd /proc/self/fd", "stdin /proc/self/fd/0", "stdout /proc/self/fd/1"],
      ...["stderr /proc/self/fd/2", "ptmx pts/ptmx"],
      ...["3", "2", "2", "full", "no terminal"],
    ]);
  },
);

Deno.test("/dev: a user can open a terminal of the container's own", async () => {
  const command = ["script", "-qec", "tty; stat -c '%a %u:%g' $(tty); ls /dev/pts", "/dev/null"];
  const lines = await containers.output(command, {
    tree: "debian",
    settings: { uid: 1000, gid: 1000 },
  });
  assert.deepEqual(lines.map((line) => line.trimEnd()), ["/dev/pts/0", "620 1000:5", "0  ptmx"]);
});

testInTrees(
  "bind mounts: never into /proc, wherever a symlink of the image leads",
  async (tree) => {
    const layer = (root: string) => {
      Deno.mkdirSync(`${root}/srv`);
      for (
        const [name, target] of [["all", "/proc"], ["sys", "../proc/sys"], [
          "self",
          "/proc/self/attr",
        ]]
      ) {
        Deno.symlinkSync(target!, `${root}/srv/${name}`);
      }
    };
    for (const path of ["/srv/all", "/srv/sys", "/srv/all/1", "/srv/self"]) {
      await assert.rejects(
        containers.run("true", {
          tree,
          layer,
          settings: { mounts: { [path]: containers.directory } },
        }),
        (error: Error) => error.message.endsWith(`Cannot mount on "${path}": it leads into /proc`),
      );
    }
    // A tmpfs is mounted before the kernel's: it is below them.
    const settings = { tmpfs: ["/srv/all"] };
    const command = ["grep", "^Pid:", "/proc/1/status"];
    assert.deepEqual(await containers.output(command, { tree, layer, settings }), ["Pid:\t1"]);
  },
);

testInTrees(
  "signals, exit: codes pass, nothing is ignored or blocked, TERM reaches the group, and zombies are reaped",
  async (tree) => {
    for (const code of [0, 1, 127, 255]) {
      assert.deepEqual((await containers.run(`exit ${code}`, { tree })).status, {
        kind: "exited",
        code,
      });
    }
    const status = ["grep", "-E", "^Sig(Ign|Blk|Pnd)", "/proc/self/status"];
    for (const line of await containers.output(status, { tree })) assert.match(line, /\t0{16}$/);
    // A zombie that has just become one is none that stays.
    const script = `
    zombies() { grep -l "^State:.Z" /proc/[0-9]*/status; }
    at_end() {
      wait; echo outer
      i=0; while [ "$(zombies)" ] && [ $i -lt 1000 ]; do i=$((i + 1)); sleep 0.05; done
      zombies; exit 3
    }
    trap at_end TERM
    sh -c 'sleep 0.01 & exit'
    sh -c "trap 'echo inner; exit' TERM; echo ready; while :; do sleep 0.05; done" &
    wait`;
    const { stdout, status: ended } = await containers.run(script, {
      tree,
      async whileRunning(pid, lines) {
        await eventually("it is ready", () => lines.includes("ready") || undefined);
        kill(pid, Signal.TERM);
      },
    });
    assert.deepEqual({ stdout, ended }, {
      stdout: ["ready", "inner", "outer"],
      ended: { kind: "exited", code: 3 },
    });
  },
);
