import assert from "node:assert/strict";
import { FreshRun } from "../../src/system/fresh_run.ts";

Deno.test("who asks while it is being done gets the next run, all together, and never two at a time", async () => {
  const runs: PromiseWithResolvers<void>[] = [];
  const fresh = new FreshRun(() => {
    runs.push(Promise.withResolvers());
    return runs.at(-1)!.promise;
  });
  const ended: string[] = [];
  const ask = (name: string) => fresh.run().then(() => void ended.push(name));
  const [first, second, third] = [ask("first"), ask("second"), ask("third")];
  assert.equal(runs.length, 1);
  runs[0]!.resolve();
  await first;
  assert.deepEqual(ended, ["first"]);
  assert.equal(runs.length, 2);
  const fourth = ask("fourth");
  runs[1]!.resolve();
  await Promise.all([second, third]);
  assert.deepEqual(ended, ["first", "second", "third"]);
  assert.equal(runs.length, 3);
  runs[2]!.resolve();
  await fourth;
  await Promise.all([ask("fifth"), runs[3]!.resolve()]);
  assert.equal(runs.length, 4);
});
