/** What of the machine is mounted into a container, as its configuration says. Needs root. */
import assert from "node:assert/strict";
import { runCommand } from "../../support/command.ts";
import { ConfiguredContainers, testInTrees } from "../../support/configured_containers.ts";
import { eventually } from "../../support/frontloader.ts";

const containers = await ConfiguredContainers.create("busybox", "debian");
Deno.test.afterAll(() => containers[Symbol.dispose]());

let directories = 0;

/** A new directory of the machine with these files, whose contents are their names; a slash at the end makes a directory. */
function machineDirectory(...names: string[]): string {
  const directory = `${containers.directory}/machine ${directories++}, with: odd\\name`;
  Deno.mkdirSync(directory, { mode: 0o755 });
  for (const name of names) {
    const path = `${directory}/${name}`;
    if (name.endsWith("/")) {
      Deno.mkdirSync(path, { recursive: true });
    } else {
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(path, `${name}\n`);
    }
  }
  return directory;
}

testInTrees(
  "directories, files and devices are mounted, on destinations that are made if they are missing",
  async (tree) => {
    const machine = machineDirectory("file", "sub/below");
    const settings = {
      mounts: {
        "/srv/deep/data": machine,
        "/etc/one file, and: more": `${machine}/file`,
        "/dev/my-zero": "/dev/zero",
        "/opt/null": "/dev/null",
      },
    };
    const script = `
    cat /srv/deep/data/sub/below "/etc/one file, and: more"
    head -c 3 /dev/my-zero | wc -c; stat -c %F /dev/my-zero /opt/null
    echo discarded >/opt/null
    echo new >/srv/deep/data/new; echo changed >"/etc/one file, and: more"
    stat -c '%a %u:%g' /srv/deep`;
    assert.deepEqual(await containers.output(script, { tree, settings }), [
      "sub/below",
      "file",
      "3",
      "character special file",
      "character special file",
      "755 0:0",
    ]);
    assert.equal(Deno.readTextFileSync(`${machine}/new`), "new\n");
    assert.equal(Deno.readTextFileSync(`${machine}/file`), "changed\n");
  },
);

testInTrees(
  "a socket of the machine is at /dev/log, also where it is a symlink on the machine, as systemd has it",
  async (tree) => {
    const machine = machineDirectory("run/");
    Deno.symlinkSync("run/dev-log", `${machine}/log`);
    const receive = `use Socket; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
    umask 0; bind($s, pack_sockaddr_un($ARGV[0])) or die $!; recv($s, my $m, 999, 0); print $m`;
    const receiver = runCommand(["perl", "-e", receive, `${machine}/run/dev-log`]);
    await eventually("the socket is there", () => Deno.statSync(`${machine}/log`) && true);
    const message = "<13>said inside";
    const send = tree === "debian"
      ? [
        "perl",
        "-MSocket",
        "-e",
        "socket(S,AF_UNIX,SOCK_DGRAM,0);" +
        `connect(S,pack_sockaddr_un("/dev/log")) or die $!; send(S,"${message}",0) or die $!`,
      ]
      : ["logger", "said inside"];
    const settings = { uid: 1000, gid: 1000, mounts: { "/dev/log": `${machine}/log` } };
    await containers.output(send, { tree, settings });
    assert.match(new TextDecoder().decode(await receiver), /^<13>.*said inside/);
  },
);

testInTrees("of a glob every match is mounted by its name, and none is nothing", async (tree) => {
  const machine = machineDirectory("a.pem", "b.pem", "c.key", ".d.pem", "one/x", "e.pem/inside");
  const settings = {
    mounts: {
      "/etc/ssl/shop": `${machine}/*.pem`,
      "/srv/one": `${machine}/o?e`,
      "/srv/none": `${machine}/*.none`,
    },
  };
  const script = `
    ls -R /etc/ssl/shop /srv/one
    [ -e /srv/none ] || echo no destination either`;
  const lines = await containers.output(script, { tree, settings });
  assert.deepEqual(lines.filter((line) => line !== ""), [
    ...["/etc/ssl/shop:", "a.pem", "b.pem", "e.pem", "/etc/ssl/shop/e.pem:", "inside"],
    ...["/srv/one:", "one", "/srv/one/one:", "x", "no destination either"],
  ]);
});

testInTrees(
  "what is read-only is so to the last mount below it, and keeps the flags that it has",
  async (tree) => {
    const machine = machineDirectory("sub/");
    const tmpfs = (options: string, target: string) =>
      runCommand(["mount", "-t", "tmpfs", "-o", options, "frontloader-test", target]);
    await tmpfs("nosuid,nodev,noexec", machine);
    Deno.mkdirSync(`${machine}/sub`);
    await tmpfs("nodev", `${machine}/sub`);
    try {
      Deno.writeTextFileSync(`${machine}/file`, "there\n");
      const settings = {
        mounts: {
          "/ro": `${machine}:ro`,
          "/rw": machine,
          "/file": `${machine}/file:ro`,
          "/globbed": `${machine}/f*:ro`,
        },
      };
      const script = `
      for f in /ro/x /ro/sub/x /file /globbed/file /rw/x /rw/sub/x; do (echo x >$f) 2>/dev/null && echo $f; done
      grep -E ' /(ro|rw)(/sub)? ' /proc/self/mountinfo | cut -d' ' -f5,6 | sort`;
      assert.deepEqual(await containers.output(script, { tree, settings }), [
        "/rw/x",
        "/rw/sub/x",
        "/ro ro,nosuid,nodev,noexec,relatime",
        "/ro/sub ro,nodev,relatime",
        "/rw rw,nosuid,nodev,noexec,relatime",
        "/rw/sub rw,nodev,relatime",
      ]);
      // The machine's own mounts are as they were.
      Deno.writeTextFileSync(`${machine}/sub/still`, "writable\n");
    } finally {
      await runCommand(["umount", `${machine}/sub`]);
      await runCommand(["umount", machine]);
    }
  },
);

testInTrees("a source that is missing is an error that names both sides", async (tree) => {
  for (const outside of ["/no/such/place", "/no/such/place:ro", "/etc/hostname/below"]) {
    await assert.rejects(
      containers.run("true", { tree, settings: { mounts: { "/data": outside } } }),
      (error: Error) => {
        const path = outside.replace(/:ro$/, "");
        assert(error.message.includes(`"${path}" of the machine on "/data" of the container`));
        assert.match(error.message, /ENOENT|ENOTDIR/);
        return true;
      },
    );
  }
  assert.deepEqual(containers.instances, []);
});

testInTrees("a destination behind symlinks of the image is found in the image", async (tree) => {
  const machine = machineDirectory("file");
  const outside = machineDirectory();
  const layer = (root: string) => {
    Deno.mkdirSync(`${root}/srv/real`, { recursive: true });
    Deno.symlinkSync("real", `${root}/srv/relative`);
    Deno.symlinkSync("/srv/missing", `${root}/srv/absolute`);
    Deno.symlinkSync(outside, `${root}/srv/out`);
    Deno.symlinkSync(`../../../../../../../../..${outside}`, `${root}/srv/up`);
    Deno.symlinkSync("loop", `${root}/srv/loop`);
  };
  const settings = {
    mounts: {
      "/srv/relative/1": machine,
      "/srv/absolute/2": machine,
      "/srv/out/3": machine,
      "/srv/up/4": `${machine}/file`,
    },
  };
  const script = `cat /srv/real/1/file /srv/missing/2/file; cd "${outside}"; cat 3/file 4`;
  assert.deepEqual(await containers.output(script, { tree, settings, layer }), [
    ...Array(4).fill("file"),
  ]);
  assert.deepEqual([...Deno.readDirSync(outside)], []);
  await assert.rejects(
    containers.run("true", { tree, layer, settings: { mounts: { "/srv/loop/x": machine } } }),
    /"\/srv\/loop\/x" of the container\n.*ELOOP/,
  );
});

testInTrees(
  "mounts come parents first, whatever their order, and tmpfs among them",
  async (tree) => {
    const machine = machineDirectory("file", "inner/");
    const other = machineDirectory("other");
    const settings = {
      mounts: { "/data/inner": other, "/data": machine },
      tmpfs: ["/data/inner/scratch", "/outer"],
      files: { "/outer/file": "in the tmpfs\n" },
    };
    Deno.mkdirSync(`${other}/scratch`);
    const script = "ls /data /data/inner /data/inner/scratch; cat /outer/file";
    const lines = await containers.output(script, { tree, settings });
    assert.deepEqual(lines.filter((line) => line !== ""), [
      ...["/data:", "file", "inner", "/data/inner:", "other", "scratch", "/data/inner/scratch:"],
      "in the tmpfs",
    ]);
  },
);

testInTrees(
  "a mount in the place of what every container has takes that place, and hides no less",
  async (tree) => {
    const machine = machineDirectory("file");
    const settings = {
      mounts: { "/tmp": machine, "/dev/shm": `${machine}:ro`, "/dev": "/dev", "/sys": "/sys:ro" },
    };
    const script = `
      cat /tmp/file /dev/shm/file; echo new >/tmp/new
      (echo x >/dev/shm/x) 2>/dev/null || echo read-only
      [ -c /dev/null ] && ls -A /sys/firmware /proc/acpi 2>/dev/null | grep -v ':$'; cat /proc/keys`;
    const lines = await containers.output(script, { tree, settings });
    assert.deepEqual(lines.filter((line) => line !== ""), ["file", "file", "read-only"]);
    assert.equal(Deno.readTextFileSync(`${machine}/new`), "new\n");
  },
);

testInTrees(
  "a mount that is made later does not appear on the other side, neither in nor out",
  async (tree) => {
    const machine = machineDirectory();
    const mount = (target: string) =>
      runCommand(["mount", "-t", "tmpfs", "frontloader-test", target]);
    await mount(machine);
    try {
      // As systemd makes all mounts of a machine.
      await runCommand(["mount", "--make-shared", machine]);
      for (const name of ["out", "in"]) Deno.mkdirSync(`${machine}/${name}`);
      const script = `
      mount -t tmpfs tmpfs /data/in || exit 1
      touch /data/in/made; echo ready
      while [ ! -e /data/go ]; do sleep 0.01; done
      ls /data/in /data/out`;
      const { stdout, stderr } = await containers.run(script, {
        tree,
        settings: { capabilities: ["SYS_ADMIN"], mounts: { "/data": machine } },
        async whileRunning(_, lines) {
          await eventually("it has mounted", () => lines.includes("ready") || undefined);
          assert.deepEqual([...Deno.readDirSync(`${machine}/in`)], []);
          await mount(`${machine}/out`);
          Deno.writeTextFileSync(`${machine}/out/made`, "");
          Deno.writeTextFileSync(`${machine}/go`, "");
        },
      });
      assert.deepEqual(stderr, []);
      assert.deepEqual(stdout.filter((line) => line !== ""), [
        ...["ready", "/data/in:", "made", "/data/out:"],
      ]);
    } finally {
      await runCommand(["umount", "--recursive", machine]);
    }
  },
);
