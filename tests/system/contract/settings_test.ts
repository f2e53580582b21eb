/** Environment, host name, pid namespace and init of a container, as its configuration says. Needs root. */
import assert from "node:assert/strict";
import { kill, Signal } from "../../../ffi/process.ts";
import { CapturedLog } from "../../support/captured_log.ts";
import { ConfiguredContainers, testInTrees } from "../../support/configured_containers.ts";
import { eventually } from "../../support/frontloader.ts";
import {
  containerStatus,
  FrontloaderFixture,
  untilTerm,
} from "../../support/frontloader_fixture.ts";
import { childrenOf } from "../../support/process_facts.ts";

const containers = await ConfiguredContainers.create("busybox", "debian");
Deno.test.afterAll(() => containers[Symbol.dispose]());

testInTrees(
  "the environment is the defaults, the image's over them, and the configuration's over all",
  async (tree) => {
    const environment = {
      TEXT: "as it is: \\n $HOME \"'",
      EMPTY: "",
      NUMBER: 8080,
      FRACTION: 0.25,
      YES: true,
      LIST: ["a", 1],
      OBJECT: { a: { b: "c d" } },
      LANG: "de_DE.UTF-8",
      "odd name": "ü😀\nsecond line",
    };
    const env = ["LANG=C", "FROM_IMAGE=image", "TMPDIR=/image", "OPTS=-Da=b=c"];
    const lines = await containers.output(["env"], {
      tree,
      settings: { environment, uid: 1000 },
      image: { env },
    });
    assert.deepEqual(
      lines.toSorted(),
      [
        ...["EMPTY=", "FRACTION=0.25", "FROM_IMAGE=image", "HOME=/", "LANG=de_DE.UTF-8"],
        ...['LIST=["a",1]', "NUMBER=8080", 'OBJECT={"a":{"b":"c d"}}', "OPTS=-Da=b=c"],
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        `TEXT=${environment.TEXT}`,
        ...["TMPDIR=/image", "TZ=UTC", "YES=true", "odd name=ü😀", "second line"],
      ].toSorted(),
    );
  },
);

Deno.test("a container without any environment has the defaults alone, and nothing of Frontloader's", async () => {
  const lines = await containers.output(["env"]);
  assert.deepEqual(lines.toSorted(), [
    ...["HOME=/root", "LANG=C.UTF-8"],
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ...["TMPDIR=/tmp", "TZ=UTC"],
  ]);
});

Deno.test("logEnvironment logs what the container gets, without what looks like a secret", async () => {
  using log = new CapturedLog();
  const environment = {
    GREETING: "hello",
    API_TOKEN: "hunter2",
    DATABASE: "postgres://u:hunter2@host/db",
    CONFIG: { password: "hunter2", port: 1 },
    MULTILINE: "a\nb",
  };
  await containers.output("true", { settings: { id: "web", environment, logEnvironment: true } });
  const lines = log.lines("Environment");
  for (
    const shown of [
      "GREETING=hello",
      "API_TOKEN=(not shown)",
      "DATABASE=postgres://(not shown)@host/db",
      'CONFIG={"password":"(not shown)","port":1}',
      "TZ=UTC",
    ]
  ) {
    assert(lines.some((line) => line.startsWith("info    web:") && line.includes(shown)), shown);
  }
  assert(!log.lines().join("\n").includes("hunter2"));
  await containers.output("true", { settings: { environment } });
  assert.equal(log.lines("Environment").length, lines.length);
});

testInTrees("the host name is the container's own, and its files know it", async (tree) => {
  const before = Deno.hostname();
  const script =
    "uname -n; cat /etc/hostname; grep -c '127.0.1.1.web-1.example' /etc/hosts; test -e /etc/resolv.conf";
  const settings = { hostname: "web-1.example" };
  assert.deepEqual(await containers.output(script, { tree, settings }), [
    ...["web-1.example", "web-1.example", "1"],
  ]);
  assert.deepEqual(await containers.output("uname -n; cat /etc/hostname", { tree }), [
    before,
    before,
  ]);
  assert.equal(Deno.hostname(), before);
});

testInTrees(
  "hostPid shows the machine's processes, and its user decides what it may do to them",
  async (tree) => {
    const victim = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    try {
      const script = `
      [ $$ -gt 2 ] && echo own pid
      cat /proc/${victim.pid}/comm
      readlink /proc/1/exe >/dev/null 2>&1 || echo not for everybody
      kill -TERM ${victim.pid} 2>/dev/null && echo killed; true`;
      const user = { hostPid: true, uid: 1000, gid: 1000 };
      assert.deepEqual(await containers.output(script, { tree, settings: user }), [
        ...["own pid", "sleep", "not for everybody"],
      ]);
      const root = { hostPid: true };
      const lines = await containers.output(script, { tree, settings: root });
      assert(lines.includes("killed"), lines.join());
      assert.equal((await victim.status).signal, "SIGTERM");
    } finally {
      try {
        victim.kill("SIGKILL");
      } catch {
        // As it should be, it has ended.
      }
    }
    // Its /proc is masked as any other's.
    const masked =
      "cat /proc/keys /proc/timer_list; (echo x >/proc/sysrq-trigger) 2>/dev/null; true";
    assert.deepEqual(await containers.output(masked, { tree, settings: { hostPid: true } }), []);
  },
);

Deno.test("with hostPid TERM ends a container, and none of it is left", async () => {
  const { status } = await containers.run("sleep 1000 & sleep 1000", {
    settings: { hostPid: true },
    whileRunning: (pid) => void kill(pid, Signal.TERM),
  });
  assert.deepEqual(status, { kind: "exited", code: 128 + Signal.TERM });
});

testInTrees("without an init the program is process 1", async (tree) => {
  const script = "echo $$; readlink /proc/1/exe; echo $PPID; ls /proc/1/fd";
  const settings = { init: false };
  const [pid, program, parent, ...descriptors] = await containers.output(script, {
    tree,
    settings,
  });
  assert.deepEqual([pid, parent], ["1", "0"]);
  assert.match(program!, /busybox$|dash$/);
  // Those of the shell itself.
  assert.deepEqual(descriptors.slice(0, 3), ["0", "1", "2"]);
  const withInit = await containers.output("echo $$; readlink /proc/1/exe", { tree });
  assert.notEqual(withInit[0], "1");
  assert.equal(withInit[1], "/memfd:init (deleted)");
});

testInTrees(
  "without an init TERM reaches only a program that handles it, and zombies are the program's own",
  async (tree) => {
    const settings = { init: false };
    const script = "trap 'echo got TERM; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    const handled = await containers.run(script, {
      tree,
      settings,
      async whileRunning(pid, lines) {
        await eventually("it is ready", () => lines.includes("ready") || undefined);
        kill(pid, Signal.TERM);
      },
    });
    assert.deepEqual(handled.stdout, ["ready", "got TERM"]);
    assert.deepEqual(handled.status, { kind: "exited", code: 7 });

    // cat has no handler, so the kernel drops it (pid_namespaces(7)), and it does not wait for the child that it inherits.
    const dropped = await containers.run("mkfifo /tmp/end; sleep 0 & exec cat /tmp/end", {
      tree,
      settings,
      async whileRunning(pid) {
        const isZombie = () => childrenOf(pid).some(({ state }) => state === "Z");
        await eventually("there is a zombie", () => isZombie() || undefined);
        kill(pid, Signal.TERM);
        // A file that was written to would not end it: this has to be what it reads from.
        const end = `/proc/${pid}/root/tmp/end`;
        await Deno.writeTextFile(end, "still there\n", { create: false });
      },
    });
    assert.deepEqual(dropped.stdout, ["still there"]);
    assert.deepEqual(dropped.status, { kind: "exited", code: 0 });
  },
);

Deno.test("a container that is disabled does not run, and one that becomes so is asked to end", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("test/one", untilTerm("one"));
  await fixture.push("test/two", untilTerm("two"));
  const configuration = (one: boolean, two: boolean) => ({
    containers: [
      { id: "one", manifest: fixture.image("test/one"), disabled: one },
      { id: "two", manifest: fixture.image("test/two"), disabled: two },
    ],
  });
  fixture.configure(configuration(false, true));
  const frontloader = fixture.start();
  await frontloader.waitForLine(/one\| one$/);
  assert.equal((await containerStatus(frontloader, "two")).state, "stopped");
  fixture.configure(configuration(true, false));
  kill(frontloader.pid, 1);
  await Promise.all([
    frontloader.waitForLine(/one\| one ends$/),
    frontloader.waitForLine(/two\| two$/),
  ]);
  await frontloader.stop();
  await fixture.assertNothingLeft();
});
