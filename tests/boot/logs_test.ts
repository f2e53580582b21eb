/** What Frontloader as process 1 takes of the machine's own logs. */
import assert from "node:assert/strict";
import { eventually } from "../support/frontloader.ts";
import { Guest } from "../support/guest/guest.ts";
import { GuestRoot } from "../support/guest/guest_root.ts";
import { PATIENCE_MS } from "../support/guest/guest_shell.ts";

/**
 * A receiver of syslog: each message becomes a line. It ends the connection when its own input ends, which is taken for the end of
 * the receiver, so that never does. It does not write to the console, where lines of two would run into each other.
 */
const RECEIVE = `(exec sleep 1000000 | nc -l -p 514 | tr '<' '\\n' >/received) >/dev/null 2>&1 &`;

const FLOOD = `exec 3>/dev/kmsg
  i=0; while [ $i -lt 20000 ]; do echo "<6>flood $i" >&3; i=$((i + 1)); done
  logger -t guest "the flood is over"`;

Deno.test("process 1 logs what the kernel and programs say, and sends it on, once", async () => {
  const syslog = [{ host: "127.0.0.1", transport: "tcp", level: "debug" }];
  using root = await GuestRoot.build({
    files: { "/etc/configuration.json": JSON.stringify({ syslog }) },
  });
  const words = ["printk.devkmsg=on", "--", "-c", "/etc/configuration.json"];
  await using guest = new Guest({ root, words });
  await guest.run(RECEIVE);
  const received = (pattern: string) =>
    eventually(`${pattern} is received`, async () => {
      const lines = await guest.run(`grep -E '${pattern}' /received || true`);
      return lines === "" ? undefined : lines.split("\n");
    }, PATIENCE_MS);
  // The kernel's log, from its first record on.
  await guest.waitForLine(/Z notice {2}kernel: Linux version \d/);
  await received("^5>1 [^ ]+Z [^ ]+ kernel - - - Linux version [0-9]");
  // What a program logs.
  await guest.run(`logger -t guest -p local0.err "a program says this"`);
  await guest.waitForLine(/Z err {5}guest\[\d+\]\| a program says this$/);
  await received("^131>1 [^ ]+Z [^ ]+ guest [0-9]+ - - a program says this");
  // What a program writes to the kernel's log. That it is of the facility kern it may not say.
  await guest.run(`echo "<4>a program has written this" >/dev/kmsg`);
  await guest.waitForLine(/Z warning kmsg\| a program has written this$/);
  await received("^12>1 [^ ]+Z [^ ]+ kmsg - - - a program has written this");
  // How much of a flood was overwritten before it was read, and what comes after it.
  await guest.run(FLOOD);
  await guest.waitForLine(/Z warning kernel: \d+ messages dropped: they were overwritten/);
  await guest.waitForLine(/Z notice {2}guest\[\d+\]\| the flood is over$/);
  // Its own output is not in the kernel's log.
  const own = guest.lines.filter((line) => /Frontloader \S+ starts/.test(line));
  assert.equal(own.length, 1, own.join("\n"));
  const sent = await received("Frontloader [^ ]+ starts");
  assert.equal(sent.length, 1, sent.join("\n"));
});
