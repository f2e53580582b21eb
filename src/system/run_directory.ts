import { openForReading, tryLock } from "../../ffi/descriptors.ts";
import { umount, UmountFlag } from "../../ffi/mount.ts";
import { type Leftover, readLeftovers } from "../container/leftovers.ts";
import { ROOT_FS_PREFIX, unmountRootFs } from "../image/root_fs.ts";
import { mountStoreFileSystem } from "../image/store_file_system.ts";
import { namesIn } from "./names_in.ts";

/** Names another directory than `/run/frontloader`, so that several can run on one machine: in tests, say. */
const RUN_DIRECTORY_VARIABLE = "FL_RUN_DIR";

/** Where Frontloader keeps what lives as long as it runs. */
export function runDirectoryPath(): string {
  return Deno.env.get(RUN_DIRECTORY_VARIABLE) ?? "/run/frontloader";
}

/**
 * The directory of one running Frontloader: its lock, its control socket, and the tmpfs with layers and instances.
 * Everything in it ends with the process; what one that was killed has left behind is cleared at the next start.
 */
export class RunDirectory {
  /** The directory itself. */
  readonly path: string;
  /** The tmpfs. */
  readonly store: string;
  /** In the tmpfs: a directory for each instance. */
  readonly instances: string;
  /** The control socket. */
  readonly socket: string;
  /** Source of this Frontloader's mounts in the kernel's list. */
  readonly mountSource: string;
  /** What one that was killed has left running. */
  leftovers: readonly Leftover[] = [];

  private constructor(path: string) {
    this.path = path;
    this.store = `${path}/store`;
    this.instances = `${this.store}/instances`;
    this.socket = controlSocketOf(path);
    this.mountSource = `frontloader:${path}`;
  }

  /**
   * Takes possession of a run directory.
   *
   * @param path made if it is missing
   * @throws {Error} if another Frontloader runs there
   * @throws {SyscallError}
   */
  static open(path: string): RunDirectory {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = `${path}/lock`;
    Deno.writeTextFileSync(lock, `${Deno.pid}\n`, { append: true, mode: 0o600 });
    // The lock is released by the kernel when the descriptor is closed, which is left to the end of the process.
    if (!tryLock(openForReading(lock))) {
      throw new Error(`Cannot use "${path}": another Frontloader runs there`);
    }
    Deno.writeTextFileSync(lock, `${Deno.pid}\n`);
    // Absolute, since overlays are mounted with another current directory.
    const directory = new RunDirectory(Deno.realPathSync(path));
    directory.leftovers = readLeftovers(directory.instances);
    directory.#clear();
    Deno.mkdirSync(directory.store, { recursive: true, mode: 0o700 });
    mountStoreFileSystem(directory.store, directory.mountSource);
    Deno.mkdirSync(directory.instances, { mode: 0o700 });
    return directory;
  }

  /** Gives everything back. */
  close(): void {
    this.#clear();
  }

  #clear(): void {
    for (const suffix of namesIn(this.instances)) unmountRootFs(ROOT_FS_PREFIX + suffix);
    // Lazily: containers that still run keep what they need of it. Repeated, in case something was stacked on it.
    while (umount(this.store, UmountFlag.DETACH | UmountFlag.NOFOLLOW));
    for (const path of [this.store, this.socket]) removeIfThere(path);
  }
}

/** The path of the control socket in a run directory. */
export function controlSocketOf(runDirectory: string): string {
  return `${runDirectory}/frontloader.sock`;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
