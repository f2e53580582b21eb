/**
 * Frontloader's one entry point. Each face is loaded when it is called for, so that the short-lived ones start fast.
 */
import { errorChain } from "./log/error_chain.ts";
import { escapeControls } from "./log/escape_controls.ts";

const USAGE =
  `frontloader keeps containers running and upgrades them by itself from a docker registry.

  frontloader [run] [-c URL]        run the containers of the configuration at URL: a path, file:, http: or https:
  frontloader check FILE|URL …      validate a configuration; --resolve: also the one that it names
  frontloader pull IMAGE DIR        mount the root file system of an image on a directory
  frontloader status [--json]       what runs, since when, from which digest
  frontloader update [ID]           check the registry now
  frontloader version

IMAGE is a manifest URL (https://host/v2/name/manifests/tag) or a reference (host:port/name:tag, name@sha256:…).
`;

/** Faces by their word on the command line; each returns the exit status. */
const FACES: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  run: async (args) => (await import("./cli/run.ts")).run(args),
  check: async (args) => (await import("./cli/check.ts")).check(args),
  pull: async (args) => (await import("./cli/pull.ts")).pull(args),
  status: async (args) => (await import("./cli/status.ts")).status(args),
  update: async (args) => (await import("./cli/update.ts")).update(args),
  version: async () => (await import("./cli/version.ts")).version(),
  help: () => (console.log(USAGE), Promise.resolve(0)),
  // Not for people: how Frontloader starts itself.
  __stage: async () => (await import("./container/stage/stage.ts")).runStage(),
  __job: async () => (await import("./container/stage/job.ts")).runJob(),
  __pull: async () => (await import("./cli/pull_child.ts")).pullChild(),
  __mount: async () => (await import("./cli/volume_child.ts")).volumeChild(),
};

/** Ways to ask for a face that are no words. */
const ALIASES: Readonly<Record<string, string>> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
};

async function main(args: readonly string[]): Promise<number> {
  const word = ALIASES[args[0] ?? ""] ?? args[0];
  // `frontloader -c URL` is `frontloader run -c URL`: so it arrives from the kernel command line.
  if (word === undefined || word.startsWith("-")) return await FACES["run"]!(args);
  if (!Object.hasOwn(FACES, word)) {
    console.error(`frontloader: unknown command "${word}"\n\n${USAGE}`);
    return 2;
  }
  return await FACES[word]!(args.slice(1));
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (isUsageError(error)) {
    console.error(`frontloader: ${error.message}`);
    Deno.exit(2);
  }
  for (const line of errorChain(error)) console.error(`frontloader: ${escapeControls(line)}`);
  Deno.exit(1);
}

/** Ours, or what `node:util` says of options that it does not know. */
function isUsageError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return error.name === "UsageError" || code.startsWith("ERR_PARSE_ARGS");
}
