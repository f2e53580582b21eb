import assert from "node:assert/strict";
import { findCommand } from "../../../src/container/stage/command_lookup.ts";

// That a program is found needs libc, which tells whether it may be executed: see the system tests.

const rows: readonly (readonly [name: string, searchPath: string, message: string])[] = [
  ["", "/bin", 'Cannot run "": the command is empty'],
  ["/tmp/no such program", "/bin", 'Cannot run "/tmp/no such program": not found in the image'],
  ["/tmp", "/bin", 'Cannot run "/tmp": is no file'],
  ["/dev/null", "/bin", 'Cannot run "/dev/null": is no file'],
  ["/etc/passwd/x", "/bin", 'Cannot run "/etc/passwd/x": not found in the image'],
  ["nowhere", "/tmp:/var", 'Cannot run "nowhere": not found in PATH (/tmp:/var)'],
  ["nowhere", "", 'Cannot run "nowhere": not found in PATH ()'],
  ["tmp", "/var/none:/", 'Cannot run "tmp": "//tmp" is no file'],
  ["a\nb", "/tmp", 'Cannot run "a\nb": not found in PATH (/tmp)'],
];

for (const [name, searchPath, message] of rows) {
  Deno.test(`${JSON.stringify(name)} in PATH "${searchPath}" is no program`, () => {
    assert.throws(() => findCommand(name, searchPath), { name: "Error", message });
  });
}
