import assert from "node:assert/strict";
import { getLogger, type LogLevel, type LogRecord } from "@logtape/logtape";
import { formatRecord, isImportant } from "../../src/log/log.ts";
import { type ForeignMessage, logForeignMessage } from "../../src/log/foreign_message.ts";
import { CapturedLog } from "../support/captured_log.ts";

type Category = readonly [string, ...string[]];

const COMPONENT: Category = ["frontloader", "web"];

/** The record that LogTape makes of a call, at a time of the test's choice. */
function record(
  category: Category,
  template: string,
  properties: Record<string, unknown> = {},
): LogRecord {
  using log = new CapturedLog();
  getLogger(category).info(template, properties);
  return { ...log.records[0]!, timestamp: Date.UTC(2030, 0, 2, 3, 4, 5, 6) };
}

interface Row {
  readonly name: string;
  readonly category?: Category;
  readonly template: string;
  readonly properties?: Record<string, unknown>;
  readonly line: string;
}

const rows: readonly Row[] = [
  {
    name: "a line is time, level, component and message",
    template: "Stopped",
    line: "2030-01-02T03:04:05.006Z info    web: Stopped",
  },
  {
    name: "a record of nobody in particular is main's",
    category: ["frontloader"],
    template: "x",
    line: "2030-01-02T03:04:05.006Z info    main: x",
  },
  {
    name: "properties that the message names stand in it",
    template: "Pulled {image} in {ms} ms",
    properties: { image: "host/name:tag", ms: 12 },
    line: "2030-01-02T03:04:05.006Z info    web: Pulled host/name:tag in 12 ms",
  },
  {
    name: "properties that the message does not name stand behind it",
    template: "Runs",
    properties: { pid: 7, digest: "sha256:ab", slow: false },
    line: "2030-01-02T03:04:05.006Z info    web: Runs pid=7 digest=sha256:ab slow=false",
  },
  {
    name: "a property without a value is not shown",
    template: "Gets TERM",
    properties: { pid: undefined, none: null },
    line: "2030-01-02T03:04:05.006Z info    web: Gets TERM none=null",
  },
  {
    name: "a value that could be taken for several is quoted",
    template: "x",
    properties: { a: "b c=d", empty: "", quote: '"' },
    line: String.raw`2030-01-02T03:04:05.006Z info    web: x a="b c=d" empty="" quote="\""`,
  },
  {
    name: "a value may be a list or an object",
    template: "x",
    properties: { pids: [1, 2], object: { a: 1 } },
    line: '2030-01-02T03:04:05.006Z info    web: x pids=[1,2] object={"a":1}',
  },
  {
    name: "what a value says is no template",
    template: "{text}",
    properties: { text: "{text} {pid}", pid: 1 },
    line: "2030-01-02T03:04:05.006Z info    web: {text} {pid} pid=1",
  },
  {
    name: "a message from outside cannot forge a line",
    template: "Cannot pull: {reason}",
    properties: { reason: "no\n2030-01-02T03:04:05.006Z info    web: Pulled\r\nx" },
    line: "2030-01-02T03:04:05.006Z info    web: Cannot pull: " +
      String.raw`no\n2030-01-02T03:04:05.006Z info    web: Pulled\r\nx`,
  },
  {
    name: "a message from outside cannot command a terminal",
    template: "Cannot pull: {reason}",
    properties: { reason: "\x1b[2J\x07\x9b1m\u2028", code: "\x1b[2J" },
    line: "2030-01-02T03:04:05.006Z info    web: Cannot pull: " +
      String.raw`\u001b[2J\u0007\u009b1m\u2028 code=\u001b[2J`,
  },
  {
    name: "text in any language is left as it is",
    template: "{a} {b}",
    properties: { a: "käse\t🐳", b: "日本" },
    line: "2030-01-02T03:04:05.006Z info    web: käse\t🐳 日本",
  },
  {
    name: "a line of output is itself behind the container's id",
    category: ["output", "web.1"],
    template: "{line}",
    properties: { line: '  GET /{line} "\x1b[32m200\x1b[0m"' },
    line: '2030-01-02T03:04:05.006Z web.1|   GET /{line} "\x1b[32m200\x1b[0m"',
  },
  {
    name: "an empty line of output is a line",
    category: ["output", "web"],
    template: "{line}",
    properties: { line: "" },
    line: "2030-01-02T03:04:05.006Z web| ",
  },
];

for (const { name, category = COMPONENT, template, properties, line } of rows) {
  Deno.test(name, () => {
    assert.equal(formatRecord(record(category, template, properties)), line);
  });
}

Deno.test("levels are padded to one width", () => {
  const base = record(COMPONENT, "x");
  for (const level of ["trace", "debug", "info", "warning", "error", "fatal"] as const) {
    assert.equal(formatRecord({ ...base, level }).indexOf("web: x"), 33);
  }
});

const foreign: ForeignMessage = {
  facility: 1,
  severity: 5,
  appName: "app",
  procId: "7",
  msgId: "id",
  structuredData: '[a@1 b="c"]',
  text: "text",
};

const foreignRows: readonly [name: string, changes: Partial<ForeignMessage>, line: string][] = [
  ["a program's message stands behind its name and pid", {}, "notice  app[7]| text"],
  ["one in a container stands behind that", { container: "web" }, "notice  web/app[7]| text"],
  ["a program without a name", { appName: "", procId: "" }, "notice  -| text"],
  [
    "a program cannot be taken for a component",
    { appName: "web:", procId: "" },
    "notice  web:| text",
  ],
  [
    "a program can neither forge lines nor command a terminal",
    { appName: "a\x1b[2J", text: "x\ny" },
    "notice  a\\u001b[2J[7]| x\\ny",
  ],
  [
    "the kernel's message looks like a component's",
    { facility: 0, severity: 0, appName: "kernel", procId: "" },
    "emerg   kernel: text",
  ],
];

for (const [name, changes, line] of foreignRows) {
  Deno.test(name, () => {
    using log = new CapturedLog();
    logForeignMessage({ ...foreign, ...changes });
    assert.deepEqual(log.lines(), [line]);
  });
}

const importantRows: readonly [
  name: string,
  changes: Partial<ForeignMessage>,
  level: LogLevel,
  isThere: boolean,
][] = [
  ["the kernel's notice", { facility: 0, severity: 5 }, "info", true],
  ["the kernel's chatter not", { facility: 0, severity: 6 }, "info", false],
  ["the kernel's chatter with --debug", { facility: 0, severity: 6 }, "debug", true],
  ["a program's information", { facility: 1, severity: 6 }, "info", true],
  ["a program's debugging not", { facility: 1, severity: 7 }, "info", false],
];

for (const [name, changes, level, isThere] of importantRows) {
  Deno.test(`on standard output: ${name}`, () => {
    using log = new CapturedLog();
    logForeignMessage({ ...foreign, ...changes });
    assert.equal(isImportant(log.records[0]!, level), isThere);
  });
}
