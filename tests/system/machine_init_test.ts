import assert from "node:assert/strict";
import { commandText } from "../support/command.ts";

const MODULE = new URL("../../src/system/machine_init.ts", import.meta.url).href;

Deno.test("process 1 of a container is not taken for a machine's init, which would mount, name and restart the machine", async () => {
  const script = `
    import { isMachineInit } from "${MODULE}";
    console.log(Deno.pid, isMachineInit());
  `;
  const text = await commandText([
    ...["unshare", "--pid", "--fork", "--mount-proc"],
    ...[Deno.execPath(), "eval", "--quiet", "--no-config", script],
  ]);
  assert.equal(text.trim(), "1 false");
});
