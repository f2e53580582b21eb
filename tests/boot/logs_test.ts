/** What Frontloader as process 1 takes of the machine's own logs. */
import assert from "node:assert/strict";
import { Guest } from "../support/guest/guest.ts";
import { GuestRoot } from "../support/guest/guest_root.ts";

/** Runs before `init.sh`, in its place. */
const SCRIPT = `
busybox() { /bin/busybox "$@"; }
later() {
  until [ -S /dev/log ]; do busybox sleep 0.1; done
  busybox logger -t guest -p local0.err "a program says this"
  exec 3>/dev/kmsg
  i=0
  while [ $i -lt 20000 ]; do echo "<6>flood $i" >&3; i=$((i + 1)); done
  busybox logger -t guest "the flood is over"
}
# What runs in the background reads /dev/null.
busybox mount -t devtmpfs dev /dev
busybox ifconfig lo 127.0.0.1 up
# A receiver of syslog: each message becomes a line.
busybox nc -l -p 514 | busybox tr '<' '\\n' | busybox sed 's/^/received </' &
later &
set -- -c /etc/configuration.json
. /init
`;

Deno.test("process 1 logs what the kernel and programs say, and sends it on, once", async () => {
  const syslog = [{ host: "127.0.0.1", transport: "tcp", level: "debug" }];
  using root = await GuestRoot.build({
    files: { "/etc/configuration.json": JSON.stringify({ syslog }), "/logs.sh": SCRIPT },
  });
  const words = ["printk.devkmsg=on", "rdinit=/bin/sh", "--", "/logs.sh"];
  await using guest = new Guest({ root, words });
  // The kernel's log, from its first record on.
  await guest.waitForLine(/^received <5>1 \S+Z \S+ kernel - - - Linux version \d/);
  // What a program logs.
  await guest.waitForLine(/Z err {5}guest\[\d+\]\| a program says this$/);
  await guest.waitForLine(/^received <131>1 \S+Z \S+ guest \d+ - - a program says this/);
  // How much of a flood was overwritten before it was read, and what comes after it.
  await guest.waitForLine(/Z warning kernel: \d+ messages dropped: they were overwritten/);
  await guest.waitForLine(/Z notice {2}guest\[\d+\]\| the flood is over$/);
  // Its own output is not in the kernel's log.
  const own = guest.lines.filter((line) => /Frontloader \S+ starts/.test(line));
  assert.deepEqual(own.map((line) => line.startsWith("received")), [false, true], own.join("\n"));
});
