import assert from "node:assert/strict";
import { NoMemoryError, requireMemory } from "../../../src/system/upgrade/free_memory.ts";

const meminfo = [
  "MemTotal:         480000 kB",
  "MemFree:          100000 kB",
  "MemAvailable:     129000 kB",
  "Cached:           145000 kB",
].join("\n");

Deno.test("what there is memory for is not refused", () => {
  requireMemory("This", 129_000 * 1024, meminfo);
  requireMemory("Whatever it is, where the kernel says nothing,", 1e15, "");
});

Deno.test("what there is no memory for is refused, with what it takes and about what is free", () => {
  assert.throws(
    () => requireMemory("This", 129_000 * 1024 + 1, meminfo),
    new NoMemoryError("This", 129_000 * 1024 + 1, 129_000 * 1024),
  );
  assert.throws(() => requireMemory("This", 169.5 * 2 ** 20, meminfo), {
    name: "NoMemoryError",
    message: "This takes 170 MiB of memory, and 120 MiB are free",
  });
});
