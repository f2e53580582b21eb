import assert from "node:assert/strict";
import { getLogger } from "@logtape/logtape";
import { logForeignMessage } from "../../../src/log/foreign_message.ts";
import { messageOf } from "../../../src/log/syslog/record_message.ts";
import { formatMessage } from "../../../src/log/syslog/rfc5424.ts";
import { CapturedLog } from "../../support/captured_log.ts";

/** What is sent of what `write` logs, from the PRI on, without the time. */
function sent(write: () => void, hostname = "host"): string {
  using log = new CapturedLog();
  write();
  const message = messageOf(log.records[0]!, { hostname, pid: 12 });
  return new TextDecoder().decode(formatMessage(message, 8192)).replace(/ \S+Z /, " ");
}

const own = getLogger(["frontloader", "web"]);
const output = getLogger(["output", "web.1"]);

const foreign = {
  facility: 1,
  severity: 5,
  appName: "app",
  procId: "",
  msgId: "",
  structuredData: "",
  text: "x",
};

const rows: readonly [name: string, write: () => void, line: string][] = [
  [
    "a line of Frontloader's own has its component as MSGID and its context as structured data",
    () => own.info("Instance {number} runs", { number: 2, pid: 7, digest: "sha256:ab" }),
    '<30>1 host frontloader 12 web [frontloader@32473 pid="7" digest="sha256:ab"] Instance 2 runs',
  ],
  [
    "a line of nobody in particular is main's",
    () => getLogger("frontloader").info("x"),
    "<30>1 host frontloader 12 main - x",
  ],
  ["fatal is crit", () => own.fatal("x"), "<26>1 host frontloader 12 web - x"],
  ["error is err", () => own.error("x"), "<27>1 host frontloader 12 web - x"],
  ["warning is warning", () => own.warn("x"), "<28>1 host frontloader 12 web - x"],
  ["debug is debug", () => own.debug("x"), "<31>1 host frontloader 12 web - x"],
  ["trace is debug", () => own.trace("x"), "<31>1 host frontloader 12 web - x"],
  [
    "what a container puts out is info, by its id",
    () => output.info("{line}", { line: 'GET / "200"' }),
    '<30>1 host web.1 - stdout - GET / "200"',
  ],
  [
    "what a container puts out on standard error is err",
    () => output.error("{line}", { line: "no" }),
    "<27>1 host web.1 - stderr - no",
  ],
  [
    "what others have logged keeps facility, severity and names",
    () =>
      logForeignMessage({
        facility: 10,
        severity: 5,
        appName: "sshd",
        procId: "99",
        msgId: "m",
        structuredData: '[a@1 b="c"]',
        text: "Accepted",
      }),
    '<85>1 host sshd 99 m [a@1 b="c"] Accepted',
  ],
  [
    "what a container has logged says which one, behind its own data",
    () => logForeignMessage({ ...foreign, structuredData: '[a@1 b="c"]', container: "web" }),
    '<13>1 host app - - [a@1 b="c"][frontloader@32473 container="web"] x',
  ],
  [
    "nobody but Frontloader says what container something is from",
    () =>
      logForeignMessage({
        ...foreign,
        structuredData: '[a@1 b="c"][frontloader@32473 container="other"]',
      }),
    "<13>1 host app - - - x",
  ],
];

for (const [name, write, line] of rows) {
  Deno.test(name, () => assert.equal(sent(write), line));
}

Deno.test("a machine that has no name yet has none in its messages", () => {
  const line = sent(() => own.info("x"), "(none)");
  assert.equal(line, "<30>1 - frontloader 12 web - x");
});
