import assert from "node:assert/strict";
import { selfCommand } from "../../src/system/self.ts";

/** Sets variables of the environment until it is disposed of. */
function environment(variables: Record<string, string>): Disposable {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
    },
  };
}

Deno.test("Frontloader starts itself with the same runtime and its own entry point", () => {
  const { path, argv } = selfCommand(["__stage", "x"]);
  assert.equal(path, Deno.execPath());
  assert.equal(argv[0], "frontloader");
  assert.equal(argv[1], "run");
  assert(argv.includes("--no-prompt"), "nobody is there to answer");
  const entryPoint = new URL(argv.at(-3)!);
  assert.equal(entryPoint.href, new URL("../../src/main.ts", import.meta.url).href);
  assert.deepEqual(argv.slice(-2), ["__stage", "x"]);
});

Deno.test("Frontloader hands on what its runtime needs, and nothing that may be secret", () => {
  using _ = environment({
    DENO_DIR: "/cache",
    DENO_CERT: "/ca.pem",
    PATH: "/bin",
    FL_URL: "https://user:s3cret@config.example/primary",
    FL_META_CONFIG: "https://user:s3cret@config.example/meta",
    AWS_SECRET_ACCESS_KEY: "s3cret",
    SOME_TOKEN: "s3cret",
  });
  const { env } = selfCommand([]);
  assert.equal(env["DENO_DIR"], "/cache");
  assert.equal(env["DENO_CERT"], "/ca.pem");
  assert.equal(env["PATH"], "/bin");
  assert.equal(env["DENO_NO_UPDATE_CHECK"], "1");
  assert.doesNotMatch(JSON.stringify(env), /s3cret/);
});

Deno.test("Frontloader hands on no variable that is not set", () => {
  using _ = environment({ DENO_CERT: "" });
  Deno.env.delete("DENO_CERT");
  assert(!("DENO_CERT" in selfCommand([]).env));
});
