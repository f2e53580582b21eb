import assert from "node:assert/strict";
import type { ForeignMessage } from "../../../src/log/foreign_message.ts";
import { parseLocalMessage } from "../../../src/log/syslog/parse_local.ts";

const none = { appName: "", procId: "", msgId: "", structuredData: "" };
const USER_NOTICE = { facility: 1, severity: 5 };

const rows: readonly [name: string, text: string, message: ForeignMessage][] = [
  [
    "what syslog(3) writes",
    "<34>Oct 11 22:14:15 su[77]: 'su root' failed",
    { ...none, facility: 4, severity: 2, appName: "su", procId: "77", text: "'su root' failed" },
  ],
  [
    "a day of one digit, no pid",
    "<13>Feb  5 17:32:18 my-tag: Use the BFG!",
    { ...none, ...USER_NOTICE, appName: "my-tag", text: "Use the BFG!" },
  ],
  [
    "a time as RFC 3339 has it, and a line end",
    "<13>2026-11-24T08:06:09.123456+01:00 tag: text\n",
    { ...none, ...USER_NOTICE, appName: "tag", text: "text" },
  ],
  [
    "no time, as Python's SysLogHandler sends it, with a NUL at the end",
    "<14>root: hello: world\0",
    { ...none, facility: 1, severity: 6, appName: "root", text: "hello: world" },
  ],
  [
    "no tag",
    "<14>Oct 11 22:14:15 a text without",
    { ...none, facility: 1, severity: 6, text: "a text without" },
  ],
  [
    "several lines in one",
    "<14>Oct 11 22:14:15 java: one\n\ttwo\n",
    { ...none, facility: 1, severity: 6, appName: "java", text: "one\n\ttwo" },
  ],
  ["no PRI", "just text: really", {
    ...none,
    ...USER_NOTICE,
    text: "just text: really",
  }],
  ["nothing", "", { ...none, ...USER_NOTICE, text: "" }],
  ["a PRI alone", "<13>", { ...none, ...USER_NOTICE, text: "" }],
  ["a PRI that there is not", "<192>x", { ...none, ...USER_NOTICE, text: "<192>x" }],
  ["a PRI that is too long", "<0013>x", { ...none, ...USER_NOTICE, text: "<0013>x" }],
  ["a PRI that does not end", "<13", { ...none, ...USER_NOTICE, text: "<13" }],
  [
    "one that claims to be the kernel",
    "<2>Oct 11 22:14:15 kernel: Oops",
    { ...none, facility: 1, severity: 2, appName: "kernel", text: "Oops" },
  ],
  [
    "RFC 5424's first example",
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed",
    { ...none, facility: 4, severity: 2, appName: "su", msgId: "ID47", text: "'su root' failed" },
  ],
  [
    "RFC 5424's second example",
    "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time",
    {
      ...none,
      facility: 20,
      severity: 5,
      appName: "myproc",
      procId: "8710",
      text: "%% It's time",
    },
  ],
  [
    "RFC 5424's fourth example: structured data, no text",
    '<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [a@32473 iut="3" e="A\\"\\]\\\\"][p@32473 class="high"]',
    {
      facility: 20,
      severity: 5,
      appName: "evntslog",
      procId: "",
      msgId: "ID47",
      structuredData: '[a@32473 iut="3" e="A\\"\\]\\\\"][p@32473 class="high"]',
      text: "",
    },
  ],
  [
    "structured data that is broken is text, so that nothing broken is sent on",
    '<165>1 2003-10-11T22:14:15.003Z h app - ID47 [a@32473 iut="3] text',
    {
      ...none,
      facility: 20,
      severity: 5,
      text: '1 2003-10-11T22:14:15.003Z h app - ID47 [a@32473 iut="3] text',
    },
  ],
];

for (const [name, text, message] of rows) {
  Deno.test(`from /dev/log: ${name}`, () => assert.deepEqual(parseLocalMessage(text), message));
}

Deno.test("a message that is meant to be slow to read is not", () => {
  const open = `<13>1 - - a - - ${'[a b="\\'.repeat(2000)}`;
  const params = `<13>1 - - a - - [a${' b="\\\\\\\\"'.repeat(2000)}`;
  const start = performance.now();
  for (const text of [open, params, `<13>${"a[".repeat(8000)}`, `<13>${" ".repeat(16000)}`]) {
    parseLocalMessage(text);
  }
  // Some milliseconds, or for ever.
  assert(performance.now() - start < 10_000);
});
