/** What a container can write to, and where it ends: root, tmpfs and files, as its configuration says. Needs root. */
import assert from "node:assert/strict";
import { ConfiguredContainers, testInTrees } from "../../support/configured_containers.ts";
import { eventually } from "../../support/frontloader.ts";

const containers = await ConfiguredContainers.create("busybox", "debian");
Deno.test.afterAll(() => containers[Symbol.dispose]());

/** Says which of some places can be written to. */
const tryWrites = (...paths: string[]) =>
  `for f in ${paths.join(" ")}; do (echo x >$f) 2>/dev/null && echo $f; done; true`;

testInTrees("the root file system is read-only, /tmp and /dev/shm are not", async (tree) => {
  const script = tryWrites("/x", "/etc/x", "/etc/hosts", "/var/x", "/tmp/x", "/dev/shm/x");
  assert.deepEqual(await containers.output(script, { tree }), ["/tmp/x", "/dev/shm/x"]);
  // Nor can root with the capabilities that it has unless told otherwise make it writable.
  const remount = "mount -o remount,rw / 2>/dev/null; mount -o remount,bind,rw / 2>/dev/null; ";
  assert.deepEqual(await containers.output(remount + tryWrites("/x"), { tree }), []);
});

testInTrees(
  "a writable root file system ends with the instance, and the image does not see it",
  async (tree) => {
    const settings = { readOnly: false };
    const script = "cat /etc/new 2>/dev/null; echo new >/etc/new; rm /etc/passwd; cat /etc/new";
    const layer = (root: string) => {
      Deno.mkdirSync(`${root}/etc`);
      Deno.writeTextFileSync(`${root}/etc/passwd`, "root:x:0:0::/root:/bin/sh\n");
    };
    assert.deepEqual(await containers.output(script, { tree, settings, layer }), ["new"]);
    assert.deepEqual(await containers.output(script, { tree, settings, layer }), ["new"]);
    await eventually("the directory of the instance is gone", () => {
      return containers.instances.length === 0 || undefined;
    });
  },
);

testInTrees(
  "a tmpfs has its size, is for everybody, and has no setuid programs and devices",
  async (tree) => {
    const settings = {
      uid: 1000,
      gid: 1000,
      tmpfs: [
        { path: "/scratch/deep", size: "1M" },
        "/run",
        { path: "/tmp", size: 65536 },
        { path: "/dev/shm", size: "128K" },
      ],
    };
    const script = `
    stat -c '%a %u:%g' /scratch/deep /run /tmp /dev/shm
    grep -E ' (/scratch/deep|/run|/tmp|/dev/shm) ' /proc/self/mountinfo | cut -d' ' -f5,6
    for d in /scratch/deep /tmp /dev/shm; do
      dd if=/dev/zero of=$d/fill bs=4096 count=600 2>&1 | grep -o 'No space left on device' || echo $d has room
      stat -c %s $d/fill
    done`;
    const lines = await containers.output(script, { tree, settings });
    assert.deepEqual(lines.slice(0, 4), Array(4).fill("1777 0:0"));
    const mounts = lines.slice(4, 8).map((line) => line.split(" "));
    assert.deepEqual(
      mounts.map(([path]) => path).toSorted(),
      ["/dev/shm", "/run", "/scratch/deep", "/tmp"],
    );
    for (const [path, flags] of mounts) {
      const set = new Set(flags!.split(","));
      assert(set.has("nosuid") && set.has("nodev") && set.has("rw"), `${path} ${flags}`);
    }
    const full = "No space left on device";
    assert.deepEqual(lines.slice(8), [full, `${1 << 20}`, full, "65536", full, "131072"]);
  },
);

testInTrees(
  "two containers do not see each other's /tmp and /dev/shm, nor the machine's",
  async (tree) => {
    const marker = `frontloader-test-${crypto.randomUUID()}`;
    Deno.writeTextFileSync(`/tmp/${marker}`, "");
    Deno.writeTextFileSync(`/dev/shm/${marker}`, "");
    try {
      const script =
        `ls /tmp /dev/shm | grep -c ${marker}; touch /tmp/${marker} /dev/shm/${marker}; echo made; sleep 1000`;
      const stop = (pid: number) => Deno.kill(pid, "SIGTERM");
      await containers.run(script, {
        tree,
        async whileRunning(pid, lines) {
          await eventually("the first one is ready", () => lines.includes("made") || undefined);
          const second = await containers.run(script, {
            tree,
            async whileRunning(pid, lines) {
              await eventually(
                "the second one is ready",
                () => lines.includes("made") || undefined,
              );
              stop(pid);
            },
          });
          assert.deepEqual([lines[0], second.stdout[0]], ["0", "0"]);
          stop(pid);
        },
      });
      // What they made of that name is not the machine's.
      assert.equal(Deno.statSync(`/tmp/${marker}`).size, 0);
    } finally {
      Deno.removeSync(`/tmp/${marker}`);
      Deno.removeSync(`/dev/shm/${marker}`);
    }
  },
);

testInTrees(
  "files are there with their contents, owners and modes, and directories for them",
  async (tree) => {
    const settings = {
      uid: 1000,
      gid: 50,
      files: {
        "/etc/motd": "Hello\nthere",
        "/etc/deep/er/x.conf": { contents: "a=ä\n", uid: 1000, gid: 50, mode: "0600" },
        "/opt/it's \"quoted\", isn't it: \\yes": { contents: "", mode: "755" },
        "/usr/local/bin/tool": { contents: "#!/bin/sh\necho tool\n", mode: "4755" },
        "/run/secret": { contents: "in the tmpfs\n", mode: "0444" },
      },
      tmpfs: ["/run"],
    };
    const script = `
    stat -c '%n %a %u:%g %s' /etc/motd /etc/deep/er/x.conf /opt/* /usr/local/bin/tool
    stat -c '%n %a %u:%g' /etc/deep
    cat /etc/motd; echo; cat /etc/deep/er/x.conf /run/secret
    /usr/local/bin/tool
    (echo x >/etc/motd) 2>/dev/null || echo read-only`;
    assert.deepEqual(await containers.output(script, { tree, settings }), [
      "/etc/motd 644 0:0 11",
      "/etc/deep/er/x.conf 600 1000:50 5",
      "/opt/it's \"quoted\", isn't it: \\yes 755 0:0 0",
      "/usr/local/bin/tool 4755 0:0 20",
      "/etc/deep 755 0:0",
      "Hello",
      "there",
      "a=ä",
      "in the tmpfs",
      "tool",
      "read-only",
    ]);
  },
);

testInTrees(
  "a file behind a symlink of the image lands in the image, wherever the link points to",
  async (tree) => {
    const outside = `${containers.directory}/outside-${tree}`;
    Deno.mkdirSync(outside);
    Deno.writeTextFileSync(`${outside}/file`, "the machine's\n");
    const settings = {
      files: {
        "/srv/relative": "1\n",
        "/srv/absolute": "2\n",
        "/srv/dir/file": "3\n",
        "/srv/up/file": "4\n",
      },
    };
    const layer = (root: string) => {
      Deno.mkdirSync(`${root}/srv`);
      Deno.symlinkSync("../opt/behind", `${root}/srv/relative`);
      Deno.symlinkSync(`${outside}/file`, `${root}/srv/absolute`);
      Deno.symlinkSync(outside, `${root}/srv/dir`);
      Deno.symlinkSync(`../../../../../../../../..${outside}/sub`, `${root}/srv/up`);
    };
    const script = `cat /opt/behind ${outside}/file ${outside}/sub/file`;
    // The second and the third are one file, and what comes later stays.
    assert.deepEqual(await containers.output(script, { tree, settings, layer }), ["1", "3", "4"]);
    assert.deepEqual(Array.from(Deno.readDirSync(outside), ({ name }) => name), ["file"]);
    assert.equal(Deno.readTextFileSync(`${outside}/file`), "the machine's\n");
  },
);

Deno.test("a file in the place of a directory of the image is an error that names it", async () => {
  const launch = { settings: { files: { "/etc": "text" } } };
  await assert.rejects(containers.run("true", launch), /"\/etc".*EISDIR/);
});

Deno.test("a file that is larger than the tmpfs it goes to is an error, and nothing runs", async () => {
  const settings = {
    files: { "/run/big": "x".repeat(100_000) },
    tmpfs: [{ path: "/run", size: 65536 }],
  };
  await assert.rejects(containers.run("true", { settings }), /\/run\/big: ENOSPC/);
});
