import assert from "node:assert/strict";
import { BusyboxRoot } from "../support/busybox_root.ts";
import {
  figuresOf,
  mountsWith,
  type ProcessFigures,
  rootFsDirectories,
} from "../support/process_facts.ts";

const LAUNCHES = 1_000;
/** What the first launches bring with them: code is compiled, buffers reach their size. */
const WARM_UP = 100;

Deno.test(`${LAUNCHES} launches in a row leave nothing behind`, async () => {
  using root = new BusyboxRoot();
  const figures: ProcessFigures[] = [];
  for (let count = 1; count <= LAUNCHES; count++) {
    const { stdout, status } = await root.launch(root.spec("echo here"));
    assert.deepEqual({ stdout, status }, { stdout: ["here"], status: { kind: "exited", code: 0 } });
    if (count === WARM_UP || count % 300 === 0 || count === LAUNCHES) {
      figures.push(figuresOf(Deno.pid));
      console.log(`after ${count} launches: ${JSON.stringify(figures.at(-1))}`);
    }
  }
  const [before, after] = [figures[0]!, figures.at(-1)!];
  assert.equal(after.zombies, 0);
  assert.equal(after.children, 0);
  assert.equal(after.descriptors, before.descriptors);
  assert(after.threads <= before.threads + 2, `threads: ${before.threads} -> ${after.threads}`);
  // 900 launches more: even 16 KiB lost in each would show.
  assert(
    after.privateKiB - before.privateKiB < 14_000,
    `private memory: ${before.privateKiB} -> ${after.privateKiB} KiB`,
  );
  assert.deepEqual(mountsWith("frontloader.rootfs."), []);
  assert.deepEqual(rootFsDirectories(), []);
});
