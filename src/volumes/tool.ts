import { withOwnProcess } from "../system/own_processes.ts";

/** Where programs of the system are, in whatever environment this one was started. */
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** What a program did. */
export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program of the system to its end.
 *
 * @throws {Error} if it is not there
 */
export async function runTool(name: string, ...args: string[]): Promise<ToolResult> {
  try {
    const { code, stdout, stderr } = await withOwnProcess(
      new Deno.Command(name, {
        args,
        env: { PATH, LC_ALL: "C" },
        clearEnv: true,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    ).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout).trim(), stderr: decoder.decode(stderr).trim() };
  } catch (error) {
    throw new Error(`Cannot run ${name}`, { cause: error });
  }
}
