import assert from "node:assert/strict";
import { Semaphore } from "../../src/supervisor/semaphore.ts";

/** Lets everything go on that waits for nothing but promises. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Starts tasks by name that run until they are told to end, and notes which have been started. */
class Tasks {
  readonly started: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<string>>();
  readonly #semaphore: Semaphore;

  constructor(limit: number) {
    this.#semaphore = new Semaphore(limit);
  }

  run(name: string, signal = new AbortController().signal): Promise<string> {
    return this.#semaphore.run(() => {
      this.started.push(name);
      const end = Promise.withResolvers<string>();
      this.#ends.set(name, end);
      return end.promise;
    }, signal);
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)!.resolve(`result of ${name}`);
    await settle();
  }

  async fail(name: string): Promise<void> {
    this.#ends.get(name)!.reject(new Error(`${name} failed`));
    await settle();
  }
}

Deno.test("as many tasks run as the limit allows, the others in their order", async () => {
  const tasks = new Tasks(2);
  const results = ["a", "b", "c", "d"].map((name) => tasks.run(name));
  await settle();
  assert.deepEqual(tasks.started, ["a", "b"]);
  await tasks.end("b");
  assert.deepEqual(tasks.started, ["a", "b", "c"]);
  await tasks.end("a");
  assert.deepEqual(tasks.started, ["a", "b", "c", "d"]);
  await tasks.end("d");
  await tasks.end("c");
  assert.deepEqual(
    await Promise.all(results),
    ["a", "b", "c", "d"].map((name) => `result of ${name}`),
  );
});

Deno.test("a place that was given back is free for the next", async () => {
  const tasks = new Tasks(1);
  const a = tasks.run("a");
  await settle();
  await tasks.end("a");
  await a;
  const b = tasks.run("b");
  const c = tasks.run("c");
  await settle();
  assert.deepEqual(tasks.started, ["a", "b"]);
  await tasks.end("b");
  await tasks.end("c");
  await Promise.all([b, c]);
});

Deno.test("a task that fails gives its place back, and fails for whoever asked", async () => {
  const tasks = new Tasks(1);
  const failing = assert.rejects(tasks.run("a"), { message: "a failed" });
  const next = tasks.run("b");
  await settle();
  await tasks.fail("a");
  await failing;
  assert.deepEqual(tasks.started, ["a", "b"]);
  await tasks.end("b");
  await next;
});

Deno.test("a task that fails before it returns a promise gives its place back", async () => {
  const semaphore = new Semaphore(1);
  const { signal } = new AbortController();
  const failing = semaphore.run(() => {
    throw new Error("at once");
  }, signal);
  await assert.rejects(failing, { message: "at once" });
  assert.equal(await semaphore.run(() => Promise.resolve("next"), signal), "next");
});

Deno.test("a task whose signal is aborted already does not run, and takes no place", async () => {
  const tasks = new Tasks(1);
  const reason = new Error("called off");
  await assert.rejects(tasks.run("a", AbortSignal.abort(reason)), reason);
  const b = tasks.run("b");
  await settle();
  assert.deepEqual(tasks.started, ["b"]);
  await tasks.end("b");
  await b;
});

Deno.test("a task whose signal is aborted already does not wait for its turn to fail", async () => {
  const tasks = new Tasks(1);
  const a = tasks.run("a");
  await assert.rejects(tasks.run("b", AbortSignal.abort(new Error("called off"))), {
    message: "called off",
  });
  await tasks.end("a");
  await a;
});

Deno.test("a task that is called off while it waits leaves the queue, and nobody else does", async () => {
  for (const calledOff of ["b", "c", "d"]) {
    const tasks = new Tasks(1);
    const abort = new AbortController();
    const results = ["a", "b", "c", "d"].map((name) =>
      tasks.run(name, name === calledOff ? abort.signal : undefined)
    );
    const outcome = Promise.allSettled(results);
    await settle();
    const reason = new Error("called off");
    abort.abort(reason);
    // At once, not when its turn has come.
    await assert.rejects(results[["a", "b", "c", "d"].indexOf(calledOff)]!, reason);
    const left = ["a", "b", "c", "d"].filter((name) => name !== calledOff);
    for (const name of left) await tasks.end(name);
    assert.deepEqual(tasks.started, left);
    assert.deepEqual(
      (await outcome).map(({ status }) => status),
      ["a", "b", "c", "d"].map((name) => name === calledOff ? "rejected" : "fulfilled"),
    );
  }
});

Deno.test("a task that is called off at whatever moment takes nobody else out of the queue", async () => {
  // From the end of the task before it to its own start it is a few microtasks.
  for (let moment = 0; moment < 10; moment++) {
    const semaphore = new Semaphore(1);
    const { signal } = new AbortController();
    const abort = new AbortController();
    const first = Promise.withResolvers<void>();
    const started: string[] = [];
    const runs = Promise.allSettled([
      semaphore.run(() => first.promise, signal),
      semaphore.run(() => {
        assert.equal(abort.signal.aborted, false);
        return Promise.resolve();
      }, abort.signal),
      semaphore.run(() => Promise.resolve(void started.push("third")), signal),
      semaphore.run(() => Promise.resolve(void started.push("fourth")), signal),
    ]);
    await settle();
    first.resolve();
    for (let i = 0; i < moment; i++) await Promise.resolve();
    abort.abort();
    await settle();
    assert.deepEqual(started, ["third", "fourth"], `after ${moment} microtasks`);
    const { reason } = (await runs)[1] as { reason?: Error };
    assert.notEqual(reason?.name, "AssertionError");
  }
});

Deno.test("a task that was called off once it runs is told by its signal alone", async () => {
  const tasks = new Tasks(1);
  const abort = new AbortController();
  const a = tasks.run("a", abort.signal);
  const b = tasks.run("b");
  await settle();
  abort.abort();
  await settle();
  assert.deepEqual(tasks.started, ["a"], "it keeps its place until it ends");
  await tasks.end("a");
  await tasks.end("b");
  assert.equal(await a, "result of a");
  await b;
});
