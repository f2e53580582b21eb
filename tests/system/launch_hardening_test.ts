/** What a hostile image, or root in a container, must not be able to do to the machine. Needs root. */
import assert from "node:assert/strict";
import { close, pipe, writeFully } from "../../ffi/descriptors.ts";
import { kill, Signal } from "../../ffi/process.ts";
import { DEFAULT_ROOT_CAPABILITIES } from "../../src/container/default_capabilities.ts";
import type { LaunchSpec } from "../../src/container/launch_spec.ts";
import { readPipe } from "../../src/container/pipes.ts";
import type { FileSettings } from "../../src/config/settings.ts";
import { BusyboxRoot } from "../support/busybox_root.ts";

/** What a shell script in a container puts out. */
async function outputOf(
  script: string,
  changes: Partial<LaunchSpec> = {},
  prepare: (root: BusyboxRoot) => void = () => {},
): Promise<readonly string[]> {
  using root = new BusyboxRoot();
  prepare(root);
  const { stdout, stderr } = await root.launch(root.spec(script, changes));
  return [...stdout, ...stderr];
}

/** Tries to change the mode of what a path leads to. */
const chmod = (path: string) => `busybox chmod 600 ${path} && echo ${path}`;

function file(path: string, contents: string): FileSettings {
  return { path, contents, uid: 0, gid: 0, mode: 0o644 };
}

for (const path of ["/dev/stdin", "/dev/null", "/proc/keys", "/proc/timer_list"]) {
  Deno.test(`root in a container that changes the mode of ${path} does not change the machine's /dev/null`, async () => {
    const { mode } = Deno.statSync("/dev/null");
    try {
      await outputOf(chmod(path));
      assert.equal(Deno.statSync("/dev/null").mode, mode);
    } finally {
      Deno.chmodSync("/dev/null", mode! & 0o777);
    }
  });
}

Deno.test("a symlink of the image to a setting of the kernel, in the place of a file that is written, changes nothing", async () => {
  const setting = "/proc/sys/kernel/core_pattern";
  const before = Deno.readTextFileSync(setting);
  try {
    const lines = await outputOf(
      "cat /etc/hostname",
      { files: [file("/etc/hostname", "written\n")] },
      (root) => {
        Deno.symlinkSync(setting, `${root.tree}/etc/hostname`);
      },
    );
    assert.equal(Deno.readTextFileSync(setting), before);
    assert.deepEqual(lines, [before.trimEnd()]);
  } finally {
    if (Deno.readTextFileSync(setting) !== before) Deno.writeTextFileSync(setting, before);
  }
});

for (const name of ["proc", "sys", "dev"]) {
  Deno.test(`an image whose /tmp is a symlink to /${name} does not get to write there`, async () => {
    const lines = await outputOf(`echo x 2>/dev/null >/${name}/new && echo written`, {
      uid: 1000,
      gid: 1000,
    }, (root) => {
      Deno.mkdirSync(`${root.tree}/${name}`);
      Deno.removeSync(`${root.tree}/tmp`);
      Deno.symlinkSync(name, `${root.tree}/tmp`);
    });
    assert(!lines.includes("written"));
  });
}

Deno.test("root with the default capabilities cannot make the machine's devices", async () => {
  const lines = await outputOf(
    "for d in /dev /dev/shm /tmp; do mknod $d/loop b 7 0 2>/dev/null && echo $d; done",
    { capabilities: DEFAULT_ROOT_CAPABILITIES },
  );
  assert.deepEqual(lines, []);
});

Deno.test("a container is a session of its own: without the terminal of the machine, and its signals", async () => {
  using root = new BusyboxRoot();
  let fields: string[] = [];
  await root.launch(root.spec("exec sleep 1000"), (pid) => {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [, , group, session, terminal] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    fields = [`${pid}`, group!, session!, terminal!];
    kill(pid, Signal.KILL);
  });
  const [pid, group, session, terminal] = fields;
  assert.deepEqual({ group, session, terminal }, { group: pid, session: pid, terminal: "0" });
});

Deno.test("a TERM that comes as soon as a container runs is not lost", async () => {
  using root = new BusyboxRoot();
  for (let count = 0; count < 20; count++) {
    const { status } = await root.launch(
      root.spec("exec sleep 1000"),
      (pid) => void kill(pid, Signal.TERM),
    );
    assert.deepEqual(status, { kind: "exited", code: 128 + Signal.TERM });
  }
});

Deno.test("output that takes long to handle leaves others their turn, and keeps its order", async () => {
  const { readEnd, writeEnd } = pipe();
  const written = new Uint8Array(65536).map((_, index) => index >> 8);
  writeFully(writeEnd, written);
  close(writeEnd);
  let turns = 0;
  const interval = setInterval(() => turns++, 1);
  const read: number[] = [];
  let turnsBeforeLast = 0;
  await readPipe(readEnd, (chunk) => {
    assert(chunk.length <= 4096);
    turnsBeforeLast = turns;
    read.push(...chunk);
    for (const start = performance.now(); performance.now() - start < 2;);
  });
  clearInterval(interval);
  assert.equal(read.length, written.length);
  assert(read.every((byte, index) => byte === written[index]));
  // 32 ms of work in turns of 5 ms: there was time for others in between.
  assert(turnsBeforeLast >= 3, `${turnsBeforeLast} turns`);
});

Deno.test("what was written before an end is read, however long it takes, while somebody elsewhere holds the pipe", async () => {
  const written = new Uint8Array(65536).map((_, index) => index >> 8);
  const { readEnd, writeEnd } = pipe();
  const enough = new AbortController();
  const read: number[] = [];
  const reading = readPipe(readEnd, (chunk) => {
    read.push(...chunk);
    for (const start = performance.now(); performance.now() - start < 2;);
  }, enough.signal);
  writeFully(writeEnd, written);
  enough.abort();
  await reading;
  close(writeEnd);
  assert.equal(read.length, written.length);
  assert(read.every((byte, index) => byte === written[index]));
});

Deno.test("a pipe from which somebody elsewhere takes what was written is not waited for", async () => {
  const { readEnd, writeEnd } = pipe();
  using thief = Deno.openSync(`/proc/self/fd/${writeEnd}`);
  const enough = new AbortController();
  const reading = readPipe(readEnd, (chunk) => {
    // It rests then.
    for (const start = performance.now(); performance.now() - start < 10;);
    if (chunk.length > 1) return;
    setTimeout(() => {
      writeFully(writeEnd, new Uint8Array(4000));
      enough.abort();
      assert.equal(thief.readSync(new Uint8Array(8000)), 4000);
    });
  }, enough.signal);
  writeFully(writeEnd, new Uint8Array(1));
  await reading;
  close(writeEnd);
});

Deno.test("a pipe that somebody elsewhere holds and writes to is not read for ever", async () => {
  const { readEnd, writeEnd } = pipe();
  const enough = new AbortController();
  let written = 0;
  const write = () => {
    // Not more than the pipe holds: this thread is the one that reads.
    writeFully(writeEnd, new Uint8Array(1000));
    written += 1000;
  };
  const reading = readPipe(readEnd, () => {
    if (written === 5000) enough.abort();
    write();
  }, enough.signal);
  write();
  await reading;
  close(writeEnd);
  assert(written >= 6000);
});
