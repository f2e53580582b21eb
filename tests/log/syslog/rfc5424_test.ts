import assert from "node:assert/strict";
import {
  formatMessage,
  structuredElement,
  type SyslogMessage,
} from "../../../src/log/syslog/rfc5424.ts";

const message: SyslogMessage = {
  facility: 4,
  severity: 2,
  timestamp: Date.UTC(2003, 9, 11, 22, 14, 15, 3),
  hostname: "mymachine.example.com",
  appName: "su",
  procId: "",
  msgId: "ID47",
  structuredData: "",
  text: "'su root' failed for lonvick on /dev/pts/8",
};

function written(changes: Partial<SyslogMessage>, maxBytes = 8192): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    .decode(formatMessage({ ...message, ...changes }, maxBytes));
}

const SD = '[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]';

const rows: readonly [name: string, changes: Partial<SyslogMessage>, line: string][] = [
  [
    "the RFC's first example (but for its BOM, which ASCII may do without)",
    {},
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed for lonvick on /dev/pts/8",
  ],
  [
    "the RFC's third example",
    {
      facility: 20,
      severity: 5,
      appName: "evntslog",
      structuredData: SD,
      text: "An application event log entry...",
    },
    `<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 ${SD} An application event log entry...`,
  ],
  [
    "the least and the most of a PRI",
    { facility: 23, severity: 7, text: "x" },
    "<191>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - x",
  ],
  [
    "a message of the kernel of which nothing is known",
    { facility: 0, severity: 0, hostname: "", appName: "", msgId: "", text: "" },
    "<0>1 2003-10-11T22:14:15.003Z - - - - - ",
  ],
  [
    "text beyond ASCII begins with a BOM",
    { text: "käse 🐳" },
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeffkäse 🐳",
  ],
  [
    "control characters reach nobody's terminal, and end no line",
    { text: "a\n\0\x1b[2J\tb" },
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - a\\n\\u0000\\u001b[2J\tb",
  ],
  [
    "the header has printable ASCII alone, and no field that is too long",
    { hostname: "a b\x01ü🐳", appName: "a".repeat(60), procId: "1\n2", msgId: "m".repeat(40) },
    `<34>1 2003-10-11T22:14:15.003Z a?b??? ${"a".repeat(48)} 1?2 ${
      "m".repeat(32)
    } - 'su root' failed for lonvick on /dev/pts/8`,
  ],
];

for (const [name, changes, line] of rows) {
  Deno.test(name, () => assert.equal(written(changes), line));
}

Deno.test("a message that is too long is cut off between two characters", () => {
  const header = written({ text: "" }).length;
  for (let room = 3; room < 20; room++) {
    const line = written({ text: "äöü🐳".repeat(10) }, header + room);
    const bytes = new TextEncoder().encode(line).length;
    assert(bytes <= header + room && bytes > header + room - 4, `${bytes} of ${header + room}`);
  }
});

Deno.test("structured data that does not fit goes as a whole", () => {
  const line = written({ structuredData: `[a@1 b="${"x".repeat(500)}"]` }, 480);
  assert.equal(line, written({}));
});

const elements: readonly [params: [string, unknown][], element: string][] = [
  [[], ""],
  [
    [["pid", 7], ["slow", false], ["none", null]],
    '[frontloader@32473 pid="7" slow="false" none="null"]',
  ],
  [[["a", 'x"]\\y\\"']], String.raw`[frontloader@32473 a="x\"\]\\y\\\""]`],
  [[["list", [1, "]"]]], String.raw`[frontloader@32473 list="[1,\"\]\"\]"]`],
  [
    [['a b=c]"ü', 1], ["", 2], ["n".repeat(40), 3]],
    `[frontloader@32473 a_b_c___="1" _="2" ${"n".repeat(32)}="3"]`,
  ],
  [[["control", "a\n\x07"]], String.raw`[frontloader@32473 control="a\\n\\u0007"]`],
  [[["long", "🐳".repeat(300)]], `[frontloader@32473 long="${"🐳".repeat(256)}"]`],
  [[["cut", "x" + "🐳".repeat(300)]], `[frontloader@32473 cut="x${"🐳".repeat(255)}\ufffd"]`],
];

for (const [params, element] of elements) {
  Deno.test(`context ${JSON.stringify(params).slice(0, 60)} is ${element.slice(0, 60)}`, () => {
    assert.equal(structuredElement(params), element);
  });
}
