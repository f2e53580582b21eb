import { formatReference } from "../registry/reference.ts";
import { LineSplitter } from "../streams/line_splitter.ts";
import { withOwnProcess } from "../system/own_processes.ts";
import { selfCommand } from "../system/self.ts";
import type { PulledImage, PullProgress } from "./pull_image.ts";
import { PULL_CHILD_COMMAND, type PullMessage, type PullRequest } from "./pull_protocol.ts";

/** What {@linkcode pullInChild} may be told besides what to pull. */
export interface PullOptions {
  /** Ends the process. */
  readonly signal?: AbortSignal;
  /** Called as the pull goes on. */
  readonly onProgress?: (progress: PullProgress) => void;
}

/** A result with 127 layers takes 10 kB; an image's environment may be long. */
const MAX_MESSAGE = 1 << 20;

/**
 * Pulls an image in a process of its own: what the registry sends is parsed there, its memory goes back to the system when
 * it is done, and its crash is a failed pull.
 *
 * @param request what to pull, and where to
 * @throws {Error} with the child's own reasons, or how it ended if it gave none
 */
export async function pullInChild(
  request: Pick<PullRequest, "reference" | "credentials" | "store">,
  { signal, onProgress }: PullOptions = {},
): Promise<PulledImage> {
  const { path, argv, env } = selfCommand([PULL_CHILD_COMMAND]);
  const child = withOwnProcess(
    new Deno.Command(path, {
      args: argv.slice(1),
      env: { ...env },
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn(),
  );
  const whole: PullRequest = { ...request, progress: onProgress !== undefined, parent: Deno.pid };
  const results: Exclude<PullMessage, { progress: PullProgress }>[] = [];
  const [said] = await Promise.all([
    new Response(child.stderr).text(),
    readMessages(child.stdout, (message) => {
      if ("progress" in message) onProgress?.(message.progress);
      else results.push(message);
    }),
    // That a child died before it had read everything shows in how it ended, below.
    new Response(JSON.stringify(whole)).body!.pipeTo(child.stdin).catch(() => {}),
  ]);
  const { code, signal: killedBy } = await child.status;
  const [result] = results;
  if (result === undefined) {
    const how = killedBy === null ? `exit status ${code}` : `signal ${killedBy}`;
    const why = `the pull process ended without a result: ${how}${
      said && `: ${said.trim().slice(-1000)}`
    }`;
    throw new Error(`Cannot pull ${formatReference(request.reference)}: ${why}`);
  }
  if ("failed" in result) throw errorOf(result.failed);
  return result.pulled;
}

async function readMessages(
  stream: ReadableStream<Uint8Array>,
  onMessage: (message: PullMessage) => void,
): Promise<void> {
  const lines = new LineSplitter((line) => {
    try {
      onMessage(JSON.parse(line));
    } catch (error) {
      // Half a line is what a killed child leaves behind; how it ended tells the rest.
      if (!(error instanceof SyntaxError)) throw error;
    }
  }, MAX_MESSAGE);
  for await (const chunk of stream) lines.write(chunk);
  lines.end();
}

/** Makes one error with causes of the lines that the child made of its own. */
function errorOf(lines: readonly string[]): Error {
  return lines.reduceRight<Error | undefined>(
    (cause, line) => new Error(line, cause && { cause }),
    undefined,
  ) ?? new Error("The pull failed and gave no reason");
}
