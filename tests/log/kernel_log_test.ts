import assert from "node:assert/strict";
import { followKernelLog, parseKernelRecord } from "../../src/log/kernel_log.ts";
import { CapturedLog } from "../support/captured_log.ts";
import { FakeTime } from "../support/fake_time.ts";

const rows: readonly [text: string, record: ReturnType<typeof parseKernelRecord>][] = [
  [
    "7,160,424069,-;pci_root PNP0A03:00: host bridge window [io  0x0000-0x0cf7] (ignored)\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n",
    {
      facility: 0,
      severity: 7,
      sequence: 160,
      uptimeMs: 424.069,
      text: "pci_root PNP0A03:00: host bridge window [io  0x0000-0x0cf7] (ignored)",
    },
  ],
  [
    "6,339,5140900,-,caller=T1;NET: Registered protocol family 10; and more\n",
    {
      facility: 0,
      severity: 6,
      sequence: 339,
      uptimeMs: 5140.9,
      text: "NET: Registered protocol family 10; and more",
    },
  ],
  [
    "12,340,5690716,-;udevd[80]: starting version 181\n",
    {
      facility: 1,
      severity: 4,
      sequence: 340,
      uptimeMs: 5690.716,
      text: "udevd[80]: starting version 181",
    },
  ],
  ["6,1,2,-;", { facility: 0, severity: 6, sequence: 1, uptimeMs: 0.002, text: "" }],
  ["nothing like it", undefined],
  ["9999,1,2,-;x", undefined],
  ["", undefined],
];

for (const [text, record] of rows) {
  Deno.test(`of the kernel's log: ${JSON.stringify(text.slice(0, 50))}`, () => {
    assert.deepEqual(parseKernelRecord(text), record);
  });
}

/** Follows a log of these records, an undefined being a pause, to its end. */
async function follow(records: readonly (string | undefined)[]): Promise<CapturedLog> {
  const log = new CapturedLog();
  const abort = new AbortController();
  const rest = [...records];
  await followKernelLog({
    readable: () => {
      if (rest.length === 0) abort.abort();
      return Promise.resolve();
    },
    read: () => {
      const text = rest.shift();
      return text === undefined ? undefined : new TextEncoder().encode(text);
    },
    uptimeMs: () => 10_000,
  }, abort.signal);
  return log;
}

Deno.test("the kernel's messages are in the log by its name, what programs write to it by another", async () => {
  using _time = new FakeTime();
  using log = await follow([
    "4,1,9000000,-;Out of memory: \x1b[2J\n",
    undefined,
    "30,2,9500000,-;kernel: not at all\n",
  ]);
  assert.deepEqual(log.lines(), [
    "warning kernel: Out of memory: \\u001b[2J",
    "info    kmsg| kernel: not at all",
  ]);
  const [first, second] = log.records.map(({ timestamp }) => Date.now() - timestamp);
  assert.deepEqual([first, second], [1000, 500]);
});

Deno.test("records that were overwritten before they were read are counted", async () => {
  using log = await follow(["6,5,1,-;a\n", "6,9,2,-;b\n", "6,10,3,-;c\n"]);
  assert.deepEqual(log.lines(), [
    "info    kernel: a",
    "warning kernel: 3 messages dropped: they were overwritten before they were read",
    "info    kernel: b",
    "info    kernel: c",
  ]);
});

Deno.test("what is overwritten in a flood is summed up: one line at once, one for all the rest at the end", async () => {
  using _time = new FakeTime();
  using log = await follow(["6,1,1,-;a\n", "6,9,1,-;b\n", "6,12,2,-;c\n", "6,20,3,-;d\n"]);
  assert.deepEqual(log.lines(), [
    "info    kernel: a",
    "warning kernel: 7 messages dropped: they were overwritten before they were read",
    "info    kernel: b",
    "info    kernel: c",
    "info    kernel: d",
    "warning kernel: 9 messages dropped: they were overwritten before they were read",
  ]);
});

Deno.test("a record in no known form is passed over", async () => {
  using log = await follow(["???", "6,1,1,-;a\n"]);
  assert.deepEqual(log.lines(), ["info    kernel: a"]);
});

Deno.test("a log that cannot be read any more is an error in the log, and no more", async () => {
  using log = new CapturedLog();
  const broken = () => Promise.reject(new Error("Cannot wait for descriptor 7: poll failed"));
  await followKernelLog(
    { readable: broken, read: () => undefined, uptimeMs: () => 0 },
    new AbortController().signal,
  );
  assert.deepEqual(log.lines(), [
    "error   kernel: The kernel's log is not read any more: Cannot wait for descriptor 7: poll failed",
  ]);
});
