import assert from "node:assert/strict";
import { controlSocketOf, runDirectoryPath } from "../../src/system/run_directory.ts";

Deno.test("the run directory is /run/frontloader unless the environment names another", () => {
  const before = Deno.env.get("FL_RUN_DIR");
  try {
    Deno.env.delete("FL_RUN_DIR");
    assert.equal(runDirectoryPath(), "/run/frontloader");
    Deno.env.set("FL_RUN_DIR", "/tmp/other");
    assert.equal(runDirectoryPath(), "/tmp/other");
  } finally {
    if (before === undefined) Deno.env.delete("FL_RUN_DIR");
    else Deno.env.set("FL_RUN_DIR", before);
  }
});

Deno.test("the control socket is in the run directory, where client and server look for it", () => {
  assert.equal(controlSocketOf("/run/frontloader"), "/run/frontloader/frontloader.sock");
});
