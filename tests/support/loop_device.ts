import { commandText, runCommand } from "./command.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";

const MiB = 2 ** 20;

/** A block device of the test's own, backed by a file; given back when it is disposed of. */
export class LoopDevice implements AsyncDisposable {
  /** Path of its node. */
  readonly path: string;
  /** Path of the file behind it. */
  readonly file: string;
  readonly #directory: TemporaryDirectory;

  private constructor(path: string, file: string, directory: TemporaryDirectory) {
    this.path = path;
    this.file = file;
    this.#directory = directory;
  }

  /**
   * Attaches a file of zeros, which takes no space.
   *
   * @param megabytes its size
   * @param options further options of losetup(8)
   */
  static async attach(megabytes: number, ...options: string[]): Promise<LoopDevice> {
    const directory = new TemporaryDirectory();
    const file = `${directory.path}/disk`;
    Deno.writeFileSync(file, new Uint8Array());
    Deno.truncateSync(file, Math.round(megabytes * MiB));
    const path = await commandText(["losetup", "--find", "--show", ...options, file]);
    return new LoopDevice(path.trim(), file, directory);
  }

  /** Makes the file, and with it the device, as large as this. */
  async resize(megabytes: number): Promise<void> {
    Deno.truncateSync(this.file, Math.round(megabytes * MiB));
    await runCommand(["losetup", "--set-capacity", this.path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runCommand(["losetup", "--detach", this.path]);
    this.#directory[Symbol.dispose]();
  }
}
