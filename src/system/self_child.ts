import { LineSplitter } from "../streams/line_splitter.ts";
import { withOwnProcess } from "./own_processes.ts";
import { selfCommand } from "./self.ts";

/** What {@linkcode runSelfChild} runs. */
export interface SelfChildOptions<Message> {
  /** The word that makes `main.ts` this child. */
  readonly face: string;
  /** What it gets on standard input, as JSON. Not arguments: those can be read by everybody on the machine. */
  readonly request: unknown;
  /** Called with each line of JSON on its standard output. */
  readonly onMessage: (message: Message) => void;
  /** Ends the process. */
  readonly signal?: AbortSignal;
}

/** A result of the longest kind, that of a pull, has 10 kB; an image's environment may be long. */
const MAX_MESSAGE = 1 << 20;

/**
 * Runs another process of this program to its end: what goes wrong in there, or never comes to an end, does so there.
 *
 * @returns how it ended and what it complained of, for the error if it gave no result
 */
export async function runSelfChild<Message>(
  { face, request, onMessage, signal }: SelfChildOptions<Message>,
): Promise<string> {
  const { path, argv, env } = selfCommand([face]);
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
  const [said] = await Promise.all([
    new Response(child.stderr).text(),
    readMessages(child.stdout, onMessage),
    // That a child died before it had read everything shows in how it ended, below.
    new Response(JSON.stringify(request)).body!.pipeTo(child.stdin).catch(() => {}),
  ]);
  const { code, signal: killedBy } = await child.status;
  const how = killedBy === null ? `exit status ${code}` : `signal ${killedBy}`;
  return `${how}${said && `: ${said.trim().slice(-1000)}`}`;
}

async function readMessages<Message>(
  stream: ReadableStream<Uint8Array>,
  onMessage: (message: Message) => void,
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

/** The child's side: says something to the process that started it. */
export function sendToParent(message: unknown): void {
  const line = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  for (let rest = line; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

/** Makes one error with causes of the lines that a child made of its own with `errorChain`. */
export function errorOfChain(lines: readonly string[], fallback: string): Error {
  return lines.reduceRight<Error | undefined>(
    (cause, line) => new Error(line, cause && { cause }),
    undefined,
  ) ?? new Error(fallback);
}
