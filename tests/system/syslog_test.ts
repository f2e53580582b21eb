/** The log, sent to a receiver that is not ours: Debian's syslog-ng. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { openConnection } from "../../src/log/syslog/transport.ts";
import { eventually } from "../support/frontloader.ts";
import { FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { namesIn } from "../support/machine_facts.ts";
import { digestOf } from "../support/registry_server.ts";
import { SyslogReceiver } from "../support/syslog_receiver.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const never = new AbortController().signal;

for (
  const [host, type] of [["127.0.0.1", "udp4"], ["localhost", "udp4"], ["::1", "udp6"]] as const
) {
  Deno.test(`over UDP every message is a datagram: ${host}`, async () => {
    const receiver = createSocket(type);
    receiver.bind(0, host === "localhost" ? "127.0.0.1" : host);
    await once(receiver, "listening");
    const received: string[] = [];
    const both = new Promise<void>((resolve) =>
      receiver.on("message", (message) => {
        received.push(message.toString());
        if (received.length === 2) resolve();
      })
    );
    const { port } = receiver.address();
    const target = { host, port, transport: "udp", level: "info" } as const;
    const connection = await openConnection(target, never);
    const messages = ["<1>1 a", "<1>1 bc"];
    assert.equal(await connection.send(messages.map((text) => new TextEncoder().encode(text))), 2);
    await both;
    await connection.close();
    receiver.close();
    assert.deepEqual(received, messages);
  });
}

/** The target of the log that a transport of a receiver is. */
function targetOf({ ports }: SyslogReceiver, transport: "udp" | "tcp" | "tls") {
  const host = "127.0.0.1";
  const port = ports[transport];
  return transport === "tls" ? { host, port, tls: true } : { host, port, transport };
}

for (const transport of ["udp", "tcp", "tls"] as const) {
  Deno.test(`a receiver understands every part of what comes over ${transport}`, async () => {
    await using receiver = await SyslogReceiver.start();
    await using fixture = new FrontloaderFixture();
    const script = `echo 'out "[käse]" 🐳'; echo 'an error' >&2\n${untilTerm("ready")}`;
    await fixture.push("web", script);
    fixture.configure({
      container: { id: "web", manifest: fixture.image("web") },
      syslog: [targetOf(receiver, transport)],
    });
    const frontloader = fixture.start({ DENO_CERT: receiver.caFile });
    await frontloader.waitForLine(/ web\| ready$/);
    const before = Date.now() / 1000;
    const common = { FACILITY: "daemon", HOST: Deno.hostname() };
    const received = async (text: string) => {
      const message = await receiver.waitFor(text, ({ MESSAGE }) => MESSAGE === text);
      const { STAMP, ...rest } = message;
      assert(Math.abs(Number(STAMP) - before) < 60 && /\.\d{3}$/.test(STAMP), STAMP);
      return rest;
    };
    const partsOf = ({ FACILITY, PRIORITY, PROGRAM, PID, MSGID, HOST, _SDATA }: Awaited<
      ReturnType<typeof received>
    >) => ({ FACILITY, PRIORITY, PROGRAM, PID, MSGID, HOST, _SDATA });
    const parts = async (text: string) => partsOf(await received(text));
    const output = { ...common, PROGRAM: "web", PID: undefined, _SDATA: undefined };
    assert.deepEqual(await parts('out "[käse]" 🐳'), {
      ...output,
      PRIORITY: "info",
      MSGID: "stdout",
    });
    assert.deepEqual(await parts("an error"), { ...output, PRIORITY: "err", MSGID: "stderr" });
    const runs = await parts("Instance 1 runs");
    const { pid, digest } = runs._SDATA!["frontloader@32473"]!;
    assert.match(pid!, /^\d+$/);
    assert.match(digest!, /^sha256:/);
    assert.deepEqual({ ...runs, _SDATA: undefined }, {
      ...common,
      PRIORITY: "info",
      PROGRAM: "frontloader",
      PID: String(frontloader.pid),
      MSGID: "web",
      _SDATA: undefined,
    });
    // What was logged before the configuration was there.
    const version = JSON.parse(Deno.readTextFileSync("deno.json")).version;
    await parts(`Frontloader ${version} starts`);
    await frontloader.stop();
    // The very last line arrives, too.
    await parts("Stopped");
    assert.equal(receiver.messages.filter(({ MESSAGE }) => MESSAGE === "Stopped").length, 1);
  });
}

const impostors: readonly [what: string, name: string, trusted: boolean, reason: RegExp][] = [
  [
    "has a certificate for another name",
    "DNS:logs.example.com",
    true,
    /not valid for name|NotValidForName/i,
  ],
  ["has a certificate of a CA that nobody knows", "IP:127.0.0.1", false, /UnknownIssuer/],
];

for (const [what, name, trusted, reason] of impostors) {
  Deno.test(`over TLS nothing is sent to a receiver that ${what}`, async () => {
    await using receiver = await SyslogReceiver.start({ name });
    await using fixture = new FrontloaderFixture();
    fixture.configure({ syslog: [targetOf(receiver, "tls")] });
    const frontloader = fixture.start(trusted ? { DENO_CERT: receiver.caFile } : {});
    const line = await frontloader.waitForLine(/ syslog: Cannot reach tls:\/\/127\.0\.0\.1/);
    assert.match(line, reason);
    await frontloader.stop();
    assert.deepEqual(receiver.messages, []);
  });
}

for (const transport of ["tcp", "tls"] as const) {
  Deno.test(`a receiver that was killed and comes back gets what has waited, and is told what is missing: ${transport}`, async () => {
    await using receiver = await SyslogReceiver.start();
    await using fixture = new FrontloaderFixture();
    using shared = new TemporaryDirectory();
    // 2.4 MB for a buffer of 1 MiB; slowly, since the reader of standard output is this test.
    const flood =
      'i=0; while [ $i -lt 600 ]; do echo "$i $x"; i=$((i + 1)); [ $((i % 30)) = 0 ] && sleep 0.05; done';
    // It does not only say when it is done: what standard output does not take either is dropped there, too.
    const script = `x=$(printf %04000d 0)\ntrap '${flood}; touch /shared/done' USR1
      echo ready; while true; do sleep 1 & wait; done`;
    await fixture.push("web", script);
    fixture.configure({
      container: {
        id: "web",
        manifest: fixture.image("web"),
        mounts: { "/shared": shared.path },
      },
      syslog: [targetOf(receiver, transport)],
    });
    const frontloader = fixture.start({ DENO_CERT: receiver.caFile });
    await receiver.waitFor("ready", ({ MESSAGE }) => MESSAGE === "ready");
    await receiver.kill();
    await frontloader.waitForLine(/ error +syslog: Cannot reach t/);
    const pid = Number(
      /\bpid=(\d+)/.exec(await frontloader.waitForLine(/ web: Instance 1 runs/))![1],
    );
    Deno.kill(pid, "SIGUSR1");
    await eventually("the flood is over", () => namesIn(shared.path)[0]);
    await receiver.resume();
    await frontloader.waitForLine(/ info +syslog: t\S+ takes messages again$/);
    const { MESSAGE } = await receiver.waitFor(
      "the note",
      ({ MESSAGE }) => /^\d+ messages dropped/.test(MESSAGE),
    );
    const dropped = parseInt(MESSAGE);
    const numbers = receiver.messages.flatMap(({ MESSAGE }) =>
      /^(\d+) 0{4000}$/.exec(MESSAGE)?.[1] ?? []
    )
      .map(Number);
    assert.deepEqual(numbers, numbers.map((_, index) => index), "the oldest, in order, each once");
    assert(numbers.length > 200, `${numbers.length}`);
    const lost = 600 - numbers.length;
    // Some of Frontloader's own lines may be among them.
    assert(dropped >= lost && dropped < lost + 20, `${dropped} ${lost}`);
    const down = frontloader.lines.filter((line) => line.includes("Cannot reach"));
    assert.equal(down.length, 1, down.join("\n"));
    // Also after that everything arrives.
    await frontloader.stop();
    await receiver.waitFor("the end", ({ MESSAGE }) => MESSAGE === "Stopped");
  });
}

Deno.test("SIGHUP: targets are added, changed and removed", async () => {
  await using receiver = await SyslogReceiver.start();
  await using fixture = new FrontloaderFixture();
  fixture.configure({});
  const frontloader = fixture.start({ DENO_CERT: receiver.caFile });
  await eventually(
    "it is configured",
    async () => (await frontloader.askStatus()).configuration.digest,
  );
  let reloads = 0;
  const apply = async (configuration: object) => {
    fixture.configure({ ...configuration, reloadInterval: 1000 + ++reloads });
    const from = frontloader.lines.length;
    Deno.kill(frontloader.pid, "SIGHUP");
    await frontloader.waitForLine(/ Reading the configuration again/, from);
    const digest = digestOf(Deno.readFileSync(fixture.configurationFile));
    while ((await frontloader.askStatus()).configuration.digest !== digest);
  };
  const texts = () =>
    receiver.messages.map(({ PROGRAM, MSGID, MESSAGE }) => `${PROGRAM} ${MSGID} ${MESSAGE}`);
  await apply({ syslog: [targetOf(receiver, "udp")] });
  await apply({ syslog: [{ ...targetOf(receiver, "tcp"), level: "debug" }] });
  const again = "frontloader supervisor Reading the configuration again, as SIGHUP asks";
  // The reload that removes the first target is its last line.
  await receiver.waitFor("the first target's line", () => texts().includes(again));
  await apply({ syslog: [{ ...targetOf(receiver, "tcp"), level: "err" }] });
  await apply({});
  await apply({ syslog: [targetOf(receiver, "tls")] });
  await frontloader.stop();
  await receiver.waitFor("the end", ({ MESSAGE }) => MESSAGE === "Stopped");
  assert.equal(texts().filter((text) => text === again).length, 2, texts().join("\n"));
});

Deno.test("no secret is in what is sent, whatever the level", async () => {
  await using receiver = await SyslogReceiver.start();
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("ready"));
  const secret = (name: string) => `hunter-${name}`;
  const configuration = {
    containers: [
      {
        id: "web",
        manifest: fixture.image("web"),
        docker: { username: "me", password: secret("registry") },
        environment: { API_KEY: secret("environment"), PLAIN: "to be seen" },
        files: { "/etc/key": secret("file") },
        logEnvironment: true,
      },
      {
        id: "unreachable",
        manifest: "http://127.0.0.1:1/v2/web/manifests/latest",
        docker: { username: "me", password: secret("unreachable") },
      },
    ],
    syslog: [{ ...targetOf(receiver, "tcp"), level: "debug" }],
  };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json(configuration),
  );
  const { port } = server.addr;
  const url = `http://me:${secret("url")}@127.0.0.1:${port}/a?token=${secret("query")}`;
  const frontloader = fixture.start({}, { args: ["-c", url, "--debug"] });
  await frontloader.waitForLine(/ unreachable: Next try in /);
  await frontloader.waitForLine(/ web\| ready$/);
  await frontloader.stop();
  await receiver.waitFor("the end", ({ MESSAGE }) => MESSAGE === "Stopped");
  const text = JSON.stringify(receiver.messages);
  assert(text.includes("to be seen") && text.includes(`127.0.0.1:${port}`), text);
  assert(!text.includes("hunter"), text);
  assert(!frontloader.lines.join("\n").includes("hunter"));
});

Deno.test("a flood for a dead receiver costs bounded memory, and what it has missed is counted to the last line", async () => {
  await using receiver = await SyslogReceiver.start();
  await using fixture = new FrontloaderFixture();
  using shared = new TemporaryDirectory();
  const lines = 75_000;
  const width = 4_000;
  const flood = `yes "$x" | head -n ${lines}`;
  const script = `x=$(printf %0${width}d 0)\ntrap '${flood}; touch /shared/done' USR1
    echo ready; while true; do sleep 1 & wait; done`;
  await fixture.push("web", script);
  fixture.configure({
    container: {
      id: "web",
      manifest: fixture.image("web"),
      mounts: { "/shared": shared.path },
    },
    syslog: [targetOf(receiver, "tcp")],
  });
  // With little room on V8's heap garbage is collected often: what grows beyond that is kept.
  const frontloader = fixture.start({ DENO_V8_FLAGS: "--max-old-space-size=48" });
  await receiver.waitFor("ready", ({ MESSAGE }) => MESSAGE === "ready");
  await receiver.kill();
  await frontloader.waitForLine(/ error +syslog: Cannot reach t/);
  const [, pid] = /\bpid=(\d+)/.exec(
    await frontloader.waitForLine(/ web: Instance 1 runs/),
  )!;
  const before = peakMemory(frontloader.pid);
  Deno.kill(Number(pid), "SIGUSR1");
  await eventually("the flood is over", () => namesIn(shared.path)[0]);
  const grown = peakMemory(frontloader.pid) - before;
  await receiver.resume();
  await eventually("every line has arrived or is counted", () => {
    let known = 0;
    for (const { MESSAGE } of receiver.messages) {
      if (MESSAGE.startsWith("000")) known++;
      else if (/^\d+ messages dropped/.test(MESSAGE)) known += parseInt(MESSAGE);
    }
    return known >= lines ? known : undefined;
  });
  // Measured: 97 to 101 MiB. If it were kept as bytes, 286 MiB would come on top; as text it would be more than the heap takes.
  assert(grown < 200 * 2 ** 20, `${grown / 2 ** 20} MiB`);
  await frontloader.stop();
});

/** The most memory that a process has had resident so far, in bytes. */
function peakMemory(pid: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))!;
  return Number(kibibytes) * 1024;
}
