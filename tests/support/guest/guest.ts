import { LineSplitter } from "../../../src/streams/line_splitter.ts";
import { within } from "../../../src/system/within.ts";
import { eventually } from "../frontloader.ts";
import { TemporaryDirectory } from "../temporary_directory.ts";
import type { GuestDisk } from "./guest_disk.ts";
import type { GuestNetwork } from "./guest_network.ts";
import type { GuestRoot } from "./guest_root.ts";
import { GuestShell, PATIENCE_MS } from "./guest_shell.ts";
import { Qmp } from "./qmp.ts";

/** Debian's kernel; `build.sh guest-kernel` puts it there. */
const KERNEL = new URL("../../../.cache/guest/vmlinuz", import.meta.url).pathname;
/**
 * One thread for all of a machine's processors. Before version 8.1, QEMU with one for each at times translates code that another
 * of them is changing, and never translates it again: the traps that the kernel sets into its own code for a moment (jump
 * labels) then last for ever, and all processors run into one. Of 61 guests one hung so, and it takes no longer than with two
 * threads.
 */
const EMULATION = "tcg,thread=single";
/**
 * Words on every kernel's command line. It keeps to itself what is no emergency, since its lines come in the midst of others (what
 * it has logged is in Frontloader's log, too), and its timer is not checked, which goes wrong where the emulator stands still.
 */
export const CONSOLE = ["console=ttyS0", "loglevel=1", "no_timer_check", "panic=-1"];

/** What a {@linkcode Guest} is booted with. */
export interface GuestOptions {
  /** Booted by QEMU itself with Debian's kernel. Without it, what `arguments` name boots. */
  readonly root?: GuestRoot;
  /** Words on the kernel's command line. */
  readonly words?: readonly string[];
  /** Without one it has no network. */
  readonly network?: GuestNetwork;
  readonly disks?: readonly GuestDisk[];
  /** In MiB, default 1024. */
  readonly memory?: number;
  /** A reboot is one, and does not end the machine. */
  readonly reboots?: boolean;
  /** Further arguments of QEMU: firmware, say, and a disk that it boots from. */
  readonly arguments?: readonly string[];
}

/** A machine of its own, by QEMU: in software where there is no KVM. */
export class Guest implements AsyncDisposable {
  /** What it has written to its serial console. */
  readonly lines: string[] = [];
  readonly #directory = new TemporaryDirectory();
  readonly #child: Deno.ChildProcess;
  readonly #status: Promise<Deno.CommandStatus>;
  readonly #listeners = new Set<() => void>();
  #qmp: Promise<Qmp> | undefined;
  #shell: Promise<GuestShell> | undefined;
  #ended = false;

  constructor(options: GuestOptions) {
    const [program = "", ...args] = this.#command(options);
    this.#child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
    this.#status = this.#child.status.then(async (status) => {
      await output;
      this.#ended = true;
      this.#notify();
      return status;
    });
  }

  /** Resolves once the machine is off, and all that it has written is read. */
  get ended(): Promise<Deno.CommandStatus> {
    return within(PATIENCE_MS, this.#status, () => {
      return new Error(`The machine goes on; the console:\n${this.lines.join("\n")}`);
    });
  }

  /** Its process: QEMU's. */
  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Waits for a line on the console.
   *
   * @param from index of the first line to look at
   * @throws {Error} with all lines, if the machine ends before, or it takes too long
   */
  async waitForLine(pattern: RegExp, from = 0): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const fail = (why: string) =>
      reject(new Error(`No line ${pattern}: ${why}; the console:\n${this.lines.join("\n")}`));
    const timer = setTimeout(() => fail(`not within ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    const look = () => {
      const found = this.lines.slice(from).find((line) => pattern.test(line));
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

  /**
   * Runs a shell script in it, beside Frontloader. Only a guest that has a {@linkcode GuestRoot} can, once it has got to its
   * shell; until then this waits.
   *
   * @returns what it puts out, standard error included
   * @throws {Error} with that, if its exit status is not 0
   */
  async run(script: string): Promise<string> {
    this.#shell ??= this.#connect(GuestShell.connect, "shell");
    return await (await this.#shell).run(script);
  }

  /** Has QEMU do something with the machine: see {@linkcode Qmp.execute}. */
  async control(command: string, arguments_?: object): Promise<unknown> {
    this.#qmp ??= this.#connect(Qmp.connect, "qmp");
    return await (await this.#qmp).execute(command, arguments_);
  }

  /** Gives a disk another size while it is in use. */
  async resize({ serial }: GuestDisk, size: number): Promise<void> {
    await this.control("block_resize", { "node-name": serial, size: size * 2 ** 20 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#status;
    for (const connection of [this.#qmp, this.#shell]) {
      // Where it could not be made, whoever wanted it has been told.
      await (await connection?.catch(() => undefined))?.[Symbol.asyncDispose]();
    }
    this.#directory[Symbol.dispose]();
  }

  #command(
    { root, words = [], network, disks = [], memory = 1024, reboots = false, ...options }:
      GuestOptions,
  ): string[] {
    const kernel = root && [
      ...["-kernel", KERNEL, "-initrd", root.initramfs],
      ...["-append", [...CONSOLE, ...words].join(" ")],
    ];
    const qemu = [
      "qemu-system-x86_64",
      ...["-accel", hasVirtualization() ? "kvm" : EMULATION, "-cpu", "max", "-smp", "2"],
      ...["-m", `${memory}`, "-nodefaults", "-no-user-config", "-display", "none"],
      ...reboots ? [] : ["-no-reboot"],
      ...["-serial", "stdio", "-qmp", `unix:${this.#socket("qmp")},server=on,wait=off`],
      ...["-chardev", `socket,id=shell,path=${this.#socket("shell")},server=on,wait=off`],
      ...["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=shell,nr=1"],
      ...network?.arguments ?? ["-nic", "none"],
      ...disks.flatMap((disk) => disk.arguments),
      ...kernel ?? [],
      ...options.arguments ?? [],
    ];
    return network?.command(qemu) ?? qemu;
  }

  #socket(name: string): string {
    return `${this.#directory.path}/${name}`;
  }

  /** QEMU listens on its sockets before the machine runs. */
  async #connect<T>(connect: (path: string) => Promise<T>, name: string): Promise<T> {
    const path = this.#socket(name);
    const connection = await eventually<T | Error>(`QEMU listens on ${name}`, () => {
      return this.#ended ? new Error(`QEMU has ended: ${this.lines.join("\n")}`) : connect(path);
    }, PATIENCE_MS);
    if (connection instanceof Error) throw connection;
    return connection;
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

/** A machine without has a /dev/kvm nevertheless at times, which fails when it is used. */
function hasVirtualization(): boolean {
  return /^flags.* (vmx|svm) /m.test(Deno.readTextFileSync("/proc/cpuinfo"));
}
