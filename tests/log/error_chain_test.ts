import assert from "node:assert/strict";
import { errorChain } from "../../src/log/error_chain.ts";

class OwnError extends Error {
  override readonly name = "OwnError";
}

const rows: readonly (readonly [name: string, error: unknown, lines: readonly string[]])[] = [
  ["an error", new Error("a"), ["a"]],
  [
    "an error with causes",
    new Error("a", { cause: new Error("b", { cause: new Error("c") }) }),
    ["a", "b", "c"],
  ],
  ["a cause that is text", new Error("a", { cause: "why" }), ["a", "why"]],
  ["a cause that is a number", new Error("a", { cause: 0 }), ["a", "0"]],
  ["a cause that is null", new Error("a", { cause: null }), ["a"]],
  ["an error of a class of our own", new OwnError("a"), ["a"]],
  ["a bug", new TypeError("x is undefined"), ["TypeError: x is undefined"]],
  ["an error without a message", new Error(""), ["Error"]],
  ["an error of a class of our own without a message", new OwnError(), ["OwnError"]],
  ["what an aborted signal throws", AbortSignal.abort().reason, ["The signal has been aborted"]],
  ["text", "text", ["text"]],
  ["nothing", undefined, []],
  ["null", null, []],
  ["a symbol", Symbol("s"), ["Symbol(s)"]],
  [
    "several errors, each with its causes, then the cause of all",
    new AggregateError(
      [new Error("a", { cause: new Error("b") }), "c"],
      "all",
      { cause: new Error("d") },
    ),
    ["all", "a", "b", "c", "d"],
  ],
];

for (const [name, error, lines] of rows) {
  Deno.test(`the chain of ${name} is ${JSON.stringify(lines)}`, () => {
    assert.deepEqual(errorChain(error), lines);
  });
}

Deno.test("the chain of an error that is its own cause ends", () => {
  const error = new Error("a", { cause: new Error("b") });
  (error.cause as Error).cause = error;
  assert.deepEqual(errorChain(error), ["a", "b"]);
});

Deno.test("the chain of several errors that have each other as causes ends", () => {
  const child = new Error("child");
  const all = new AggregateError([child], "all");
  child.cause = all;
  all.errors.push(all);
  assert.deepEqual(errorChain(all), ["all", "child"]);
});
