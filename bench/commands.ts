/** Starts other programs, and takes what there is to know of their runs. */

/** How a program is started. */
export interface CommandOptions {
  /** Further environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a run cost. */
export interface Usage {
  /** From before it was started until its end was seen. */
  readonly seconds: number;
  /** Processor time, user and system, of all its processes. */
  readonly cpuSeconds: number;
  /** Resident memory of its largest process at its peak. */
  readonly peakBytes: number;
}

/**
 * Runs a program to its end.
 *
 * @returns its standard output, without white space at the end
 * @throws {Error} with what it said, if it fails
 */
export async function run(
  command: string,
  args: readonly string[],
  { env }: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (code !== 0) {
    const said = `${text}${new TextDecoder().decode(stderr)}`.trim().slice(-2000);
    throw new Error(`Cannot run "${command} ${args.join(" ")}": exit status ${code}: ${said}`);
  }
  return text.trimEnd();
}

/**
 * Runs a program to its end, and measures it with GNU time, which asks the kernel (wait4(2)) for the resources of the
 * process and of all those that were waited for below it.
 *
 * @throws {Error} with what it said, if it fails
 */
export async function runMeasured(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Usage> {
  const figures = await Deno.makeTempFile();
  const start = performance.now();
  await run("time", [`--output=${figures}`, "--format=%U %S %M", command, ...args], options);
  const seconds = (performance.now() - start) / 1000;
  const [user, system, peakKiB] = (await Deno.readTextFile(figures)).trim().split(" ").map(Number);
  await Deno.remove(figures);
  return { seconds, cpuSeconds: user! + system!, peakBytes: peakKiB! * 1024 };
}

/** What runs one after the other cost together. */
export function addUsage(...usages: readonly Usage[]): Usage {
  const sum = (of: (usage: Usage) => number) => usages.reduce((sum, usage) => sum + of(usage), 0);
  return {
    seconds: sum(({ seconds }) => seconds),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    peakBytes: Math.max(...usages.map(({ peakBytes }) => peakBytes)),
  };
}

/**
 * Runs a program that puts out what is expected of it, to its end.
 *
 * @returns seconds from before it was started to the first byte of its output
 * @throws {Error} if it puts out anything else, or fails
 */
export async function secondsToOutput(
  command: string,
  args: readonly string[],
  expected: string,
  { env }: CommandOptions = {},
): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const decoder = new TextDecoder();
  let output = "";
  let seconds: number | undefined;
  for await (const chunk of child.stdout) {
    seconds ??= (performance.now() - start) / 1000;
    output += decoder.decode(chunk, { stream: true });
  }
  const { code } = await child.status;
  if (code !== 0 || seconds === undefined || output.trimEnd() !== expected) {
    throw new Error(
      `Cannot run "${command} ${args.join(" ")}": exit status ${code}: ${output}${await errors}`,
    );
  }
  return seconds;
}

/**
 * Asks every few milliseconds until the answer is yes.
 *
 * @param what what is waited for
 * @throws {Error} after 30 seconds
 */
export async function until(
  what: string,
  ask: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!await ask()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
