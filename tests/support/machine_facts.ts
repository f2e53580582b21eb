/** What the whole machine has at the moment: for tests that look for what was left behind. */
import { childrenOf } from "./process_facts.ts";

/** Memory that files in tmpfs take, in bytes. */
export function sharedMemory(): number {
  const [, kib] = /^Shmem:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/meminfo"))!;
  return Number(kib) * 1024;
}

/** True while there is a process with this pid; one that has ended and was not collected counts, too. */
export function isProcess(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Names in a directory, sorted; none if there is no such directory. */
export function namesIn(directory: string): string[] {
  try {
    return Array.from(Deno.readDirSync(directory), ({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The arguments of every process that there is, as `ps` shows them to everybody, and the environment of its children. */
function processTexts(parent: number): string[] {
  const read = (path: string) => {
    try {
      return Deno.readTextFileSync(path).replaceAll("\0", " ");
    } catch {
      // It has ended since.
      return "";
    }
  };
  return [
    ...namesIn("/proc").filter((name) => /^\d+$/.test(name)).map((pid) =>
      read(`/proc/${pid}/cmdline`)
    ),
    ...childrenOf(parent).map(({ pid }) => read(`/proc/${pid}/environ`)),
  ];
}

/** Looks at processes again and again until it is disposed of. */
export class ProcessWatch implements AsyncDisposable {
  /** Every list of arguments that was seen, and every environment of a child of the process. */
  readonly texts = new Set<string>();
  readonly #ended = new AbortController();
  readonly #watching: Promise<void>;

  /** @param pid whose children are looked at closer */
  constructor(pid: number) {
    this.#watching = this.#watch(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#watching;
  }

  async #watch(pid: number): Promise<void> {
    while (!this.#ended.signal.aborted) {
      for (const text of processTexts(pid)) this.texts.add(text);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
