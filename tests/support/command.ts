/** Programs of the machine, for tests that need what only they can do. */

/** How {@linkcode runCommand} runs one. */
export interface CommandOptions {
  /** What it reads; nothing unless given. */
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  /** On top of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program to its end.
 *
 * @param command the program and its arguments
 * @returns its standard output
 * @throws {Error} with its standard error, if it fails
 */
export async function runCommand(
  command: readonly string[],
  { stdin = "", cwd, env }: CommandOptions = {},
): Promise<Uint8Array> {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, {
    args,
    ...cwd === undefined ? {} : { cwd },
    env: { LC_ALL: "C", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [output] = await Promise.all([
    child.output(),
    // A program that does not read all of it may be right; its exit status tells.
    new Blob([stdin as BlobPart]).stream().pipeTo(child.stdin).catch(() => {}),
  ]);
  if (!output.success) {
    const text = new TextDecoder().decode(output.stderr).trim();
    throw new Error(`Cannot run ${program} ${args.join(" ")}: ${output.code}: ${text}`);
  }
  return output.stdout;
}

/** Runs a program as {@linkcode runCommand} does, and returns its standard output as text. */
export async function commandText(
  command: readonly string[],
  options?: CommandOptions,
): Promise<string> {
  return new TextDecoder().decode(await runCommand(command, options));
}
