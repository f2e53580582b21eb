import assert from "node:assert/strict";
import type { ExitStatus } from "../../ffi/process.ts";
import { describeExit } from "../../src/container/children.ts";

const rows: readonly (readonly [status: ExitStatus, text: string])[] = [
  [{ kind: "exited", code: 0 }, "exit status 0"],
  [{ kind: "exited", code: 255 }, "exit status 255"],
  [{ kind: "signalled", signal: 9, coreDumped: false }, "signal 9 (SIGKILL)"],
  [{ kind: "signalled", signal: 11, coreDumped: true }, "signal 11 (SIGSEGV), core dumped"],
  [{ kind: "signalled", signal: 15, coreDumped: false }, "signal 15 (SIGTERM)"],
  [{ kind: "signalled", signal: 34, coreDumped: false }, "signal 34"],
];

for (const [status, text] of rows) {
  Deno.test(`an end is described as ${text}`, () => {
    assert.equal(describeExit(status), text);
  });
}
