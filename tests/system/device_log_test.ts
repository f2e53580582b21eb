/** `/dev/log`: what programs log with syslog(3). */
import assert from "node:assert/strict";
import { sendDatagram } from "../../ffi/datagrams.ts";
import { DeviceLog } from "../../src/log/device_log.ts";
import { CapturedLog } from "../support/captured_log.ts";
import { runCommand } from "../support/command.ts";
import { eventually } from "../support/frontloader.ts";
import { FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { namesIn } from "../support/machine_facts.ts";
import { SyslogReceiver } from "../support/syslog_receiver.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

/** A socket of the test's own, and the log that it leads to. */
class Bench implements AsyncDisposable {
  readonly #directory = new TemporaryDirectory();
  readonly path = `${this.#directory.path}/log`;
  readonly log = new CapturedLog();
  readonly deviceLog = new DeviceLog(this.path, () => undefined);

  send(...messages: (string | Uint8Array)[]): void {
    for (const message of messages) {
      sendDatagram(
        this.path,
        typeof message === "string" ? new TextEncoder().encode(message) : message,
      );
    }
  }

  /** Waits for a line in the log that has this in it. */
  line(part: string): Promise<string> {
    return eventually(part, () => this.log.lines(part)[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.deviceLog.close();
    this.log[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}

Deno.test("what is sent is in the log, with its severity and who it is from", async () => {
  await using bench = new Bench();
  bench.send("<11>Oct 11 22:14:15 tag[7]: text");
  assert.equal(await bench.line("tag"), "err     tag[7]| text");
});

Deno.test("who does not say its pid is known by the kernel's word", async () => {
  await using bench = new Bench();
  bench.send("<14>Oct 11 22:14:15 tag: text");
  assert.equal(await bench.line("tag"), `info    tag[${Deno.pid}]| text`);
});

Deno.test("nothing that is sent can forge a line or stop the reading", async () => {
  await using bench = new Bench();
  bench.send(
    "",
    new Uint8Array(100_000).fill(120),
    new Uint8Array([0xff, 0xfe, 0x00, 0x80]),
    "<14>x\n2030-01-01T00:00:00.000Z info    web: Pulled\x1b[2J",
    "<2>kernel: Oops",
    "<13>supervisor: Stopped",
    "<13>end: end",
  );
  await bench.line("end");
  const own = `[${Deno.pid}]|`;
  assert.deepEqual(bench.log.lines(), [
    `notice  -${own} `,
    `notice  -${own} ${"x".repeat(16_384)}`,
    `notice  -${own} \ufffd\ufffd\\u0000\ufffd`,
    `info    -${own} x\\n2030-01-01T00:00:00.000Z info    web: Pulled\\u001b[2J`,
    `crit    kernel${own} Oops`,
    `notice  supervisor${own} Stopped`,
    `notice  end${own} end`,
  ]);
});

Deno.test("descriptors that somebody sends along are not received", async () => {
  await using bench = new Bench();
  const script = `import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
fds = array.array("i", [os.open("/etc/hostname", os.O_RDONLY)] * 8)
for i in range(50):
  s.sendmsg([b"<13>fds: %d" % i], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)], 0, sys.argv[1])`;
  const before = namesIn("/proc/self/fd").length;
  await runCommand(["python3", "-c", script, bench.path]);
  await bench.line("| 49");
  assert(namesIn("/proc/self/fd").length < before + 20);
});

Deno.test("one who floods is slowed down and loses nothing", async () => {
  await using bench = new Bench();
  const count = 20_000;
  const script = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for i in range(${count}): s.sendto(b"<14>flood[1]: %d" % i, sys.argv[1])`;
  await runCommand(["python3", "-c", script, bench.path]);
  await bench.line(`| ${count - 1}`);
  assert.equal(bench.log.records.length, count);
});

Deno.test("the socket is removed at the end, and what was sent before is not lost", async () => {
  const bench = new Bench();
  const before = namesIn("/proc/self/fd").length;
  bench.send("<14>a: 1", "<14>a: 2");
  await bench.deviceLog.close();
  assert.equal(bench.log.lines("a[").length, 2);
  assert.throws(() => bench.send("<14>a: 3"), /ENOENT/);
  assert(namesIn("/proc/self/fd").length < before);
  // Closed: the path can be used again.
  await new DeviceLog(bench.path, () => undefined).close();
  bench.log[Symbol.dispose]();
});

Deno.test("a /dev/log that is somebody else's is left alone", async () => {
  await using other = new Bench();
  using directory = new TemporaryDirectory();
  const link = `${directory.path}/link`;
  Deno.symlinkSync(other.path, link);
  const file = `${directory.path}/file`;
  Deno.writeTextFileSync(file, "");
  for (const path of [other.path, link, file]) {
    assert.throws(() => new DeviceLog(path, () => undefined), /: EADDRINUSE$/);
  }
  other.send("<14>a: still received");
  await other.line("still received");
  assert.deepEqual(namesIn(directory.path), ["file", "link"]);
});

Deno.test("a socket that one who was killed has left behind is replaced", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/log`;
  const script = `import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind(sys.argv[1])`;
  await runCommand(["python3", "-c", script, path]);
  await new DeviceLog(path, () => undefined).close();
  assert.deepEqual(namesIn(directory.path), []);
});

Deno.test("a path that is too long for a socket is an error that says so", () => {
  assert.throws(() => new DeviceLog(`/tmp/${"x".repeat(200)}`, () => undefined), /ENAMETOOLONG/);
});

Deno.test("a container that mounts /dev/log logs to Frontloader and its receivers", async () => {
  await using receiver = await SyslogReceiver.start();
  await using fixture = new FrontloaderFixture();
  const socket = `${fixture.directory}/log`;
  // One that has ended before its message is read could not be told from others any more: this one waits for more to send.
  const script = `(echo 'from "inside" käse'; exec sleep 1000) | logger -t app -p local3.warning &
    ${untilTerm("ready")}`;
  await fixture.push("web", script);
  fixture.configure({
    container: {
      id: "web",
      manifest: fixture.image("web"),
      uid: 1000,
      gid: 1000,
      mounts: { "/dev/log": socket },
    },
    syslog: [{ host: "127.0.0.1", port: receiver.ports.tcp, transport: "tcp" }],
  });
  const frontloader = fixture.start({ FL_DEV_LOG: socket });
  await frontloader.waitForLine(/Z warning web\/app\[\d+\]\| from "inside" käse$/);
  const text = 'from "inside" käse';
  const message = await receiver.waitFor(text, ({ MESSAGE }) => MESSAGE === text);
  const { FACILITY, PRIORITY, PROGRAM, PID, HOST, _SDATA } = message;
  assert.deepEqual({ FACILITY, PRIORITY, PROGRAM, HOST, _SDATA }, {
    FACILITY: "local3",
    PRIORITY: "warning",
    PROGRAM: "app",
    HOST: Deno.hostname(),
    _SDATA: { "frontloader@32473": { container: "web" } },
  });
  assert.match(PID!, /^\d+$/);
  await frontloader.stop();
  assert.deepEqual(namesIn(fixture.directory).filter((name) => name === "log"), []);
});

Deno.test("every message of a container is known to be its, also of senders that have ended; a restart leaves no socket", async () => {
  await using fixture = new FrontloaderFixture();
  using shared = new TemporaryDirectory();
  const socket = `${fixture.directory}/log`;
  const count = 200;
  await fixture.push(
    "web",
    `i=0; while [ $i -lt ${count} ]; do logger -t once "message $i"; i=$((i + 1)); done
    if [ ! -e /shared/again ]; then touch /shared/again; exit; fi
    ${untilTerm("ready")}`,
  );
  fixture.configure({
    container: {
      id: "web",
      manifest: fixture.image("web"),
      mounts: { "/dev/log": socket, "/shared": shared.path },
    },
  });
  const frontloader = fixture.start({ FL_DEV_LOG: socket });
  await frontloader.waitForLine(/ web\| ready$/);
  const logged = await eventually("all messages of both instances", () => {
    const lines = frontloader.lines.filter((line) => line.includes("| message "));
    return lines.length === 2 * count ? lines : undefined;
  });
  const strangers = logged.filter((line) => !/ web\/once\[\d+\]\| message \d+$/.test(line));
  assert.deepEqual(strangers, []);
  const sockets = Deno.readTextFileSync("/proc/net/unix").split("\n")
    .filter((line) => line.includes(fixture.directory) && line.endsWith("/log"));
  assert.equal(sockets.length, 2, sockets.join("\n"));
  await frontloader.stop();
  assert(!Deno.readTextFileSync("/proc/net/unix").includes(fixture.directory));
});
