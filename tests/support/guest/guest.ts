import { LineSplitter } from "../../../src/streams/line_splitter.ts";
import type { GuestRoot } from "./guest_root.ts";

/** Debian's kernel; `build.sh test` puts it there. */
const KERNEL = new URL("../../../.cache/guest/vmlinuz", import.meta.url).pathname;
/** How long anything may take before a test gives up: emulation is slow, and so are machines at times. */
const PATIENCE_MS = 120_000;

/** What a {@linkcode Guest} is booted with. */
export interface GuestOptions {
  readonly root: GuestRoot;
  /** Words on the kernel's command line. */
  readonly words: readonly string[];
}

/** A machine of its own with Debian's kernel, by QEMU in software emulation. It has no network. */
export class Guest implements AsyncDisposable {
  /** What it has written to its serial console. */
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<unknown>;
  readonly #listeners = new Set<() => void>();
  #ended = false;

  constructor({ root, words }: GuestOptions) {
    const commandLine = ["console=ttyS0", "quiet", "panic=-1", ...words].join(" ");
    this.#child = new Deno.Command("qemu-system-x86_64", {
      args: [
        ...["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"],
        ...["-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot"],
        ...["-serial", "stdio", "-kernel", KERNEL, "-initrd", root.initramfs],
        ...["-append", commandLine],
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#output = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
    this.#child.status.then(() => {
      this.#ended = true;
      this.#notify();
    });
  }

  /**
   * Waits for a line on the console.
   *
   * @throws {Error} with all lines, if the machine ends before, or it takes too long
   */
  async waitForLine(pattern: RegExp): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const fail = (why: string) =>
      reject(new Error(`No line ${pattern}: ${why}; the console:\n${this.lines.join("\n")}`));
    const timer = setTimeout(() => fail(`not within ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    const look = () => {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) resolve(found);
      else if (this.#ended) fail("the machine has ended");
    };
    this.#listeners.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(look);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#output;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const lines = new LineSplitter((line) => {
      this.lines.push(line.trimEnd());
      this.#notify();
    }, 1 << 16);
    for await (const chunk of stream) lines.write(chunk);
    lines.end();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
