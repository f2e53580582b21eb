/** Faces of Frontloader that end by themselves, as processes of their own. */

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

/** How one ended, and what it said. */
export interface FrontloaderResult {
  /** Exit status. */
  readonly code: number;
  /** What killed it, if anything did. */
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One that has been started. */
export interface FrontloaderCommand {
  readonly pid: number;
  readonly result: Promise<FrontloaderResult>;
}

/** Where and in what environment it runs. */
export interface CommandPlace {
  /** Absent for a face that does not need one. */
  readonly runDirectory?: string;
  /** Further environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts Frontloader with arguments. */
export function startCommand(
  args: readonly string[],
  { runDirectory, env }: CommandPlace = {},
): FrontloaderCommand {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", MAIN, ...args],
    env: {
      ...runDirectory !== undefined && { FL_RUN_DIR: runDirectory },
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const result = child.output().then(({ code, signal, stdout, stderr }) => ({
    code,
    signal,
    stdout: text(stdout),
    stderr: text(stderr),
  }));
  return { pid: child.pid, result };
}

/** Runs Frontloader with arguments to its end. */
export function runFrontloader(
  args: readonly string[],
  place: CommandPlace = {},
): Promise<FrontloaderResult> {
  return startCommand(args, place).result;
}
