import { runCommand } from "./command.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";

/** A tmpfs of the test's own, the kind of file system that Frontloader unpacks into; gone when it is disposed of. */
export class TemporaryTmpfs implements AsyncDisposable {
  readonly path: string;
  readonly #directory: TemporaryDirectory;

  private constructor(directory: TemporaryDirectory) {
    this.#directory = directory;
    this.path = directory.path;
  }

  /** Mounts one. */
  static async mount(): Promise<TemporaryTmpfs> {
    const directory = new TemporaryDirectory();
    await runCommand(["mount", "-t", "tmpfs", "frontloader-test", directory.path]);
    return new TemporaryTmpfs(directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runCommand(["umount", this.path]);
    this.#directory[Symbol.dispose]();
  }
}
