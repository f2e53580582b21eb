/**
 * `./build.sh bench`: pull, launch and upgrade against containerd, podman, and skopeo with umoci. Everything happens in
 * namespaces of its own (`sandbox.ts`); `bench.ts` is the order of events inside.
 */
import { OPTIONS_USAGE, parseOptions } from "./options.ts";
import { runInSandbox } from "./sandbox.ts";

try {
  parseOptions(Deno.args);
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n${OPTIONS_USAGE}`);
  Deno.exit(2);
}
Deno.exit(await runInSandbox(new URL("bench.ts", import.meta.url), Deno.args));
