import assert from "node:assert/strict";
import { addOwnProcess, isOwnProcess, removeOwnProcess } from "../../src/system/own_processes.ts";

const SOURCES = new URL("../../src", import.meta.url).pathname;

function* sources(directory: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

Deno.test("a process is this one's own from its start until its status was collected", () => {
  assert.equal(isOwnProcess(7), false);
  addOwnProcess(7);
  assert.equal(isOwnProcess(7), true);
  removeOwnProcess(7);
  assert.equal(isOwnProcess(7), false);
});

Deno.test("whatever starts a process by Deno.Command says so, or process 1 would take away its status", () => {
  const starts = [...sources(SOURCES)].map((path) => Deno.readTextFileSync(path))
    .flatMap((text) =>
      Array.from(text.matchAll(/([^\s]*)\s*new Deno\.Command\(/g), ([, before]) => before)
    );
  assert.ok(starts.length >= 3);
  assert.deepEqual(starts.filter((before) => !before?.endsWith("withOwnProcess(")), []);
});
