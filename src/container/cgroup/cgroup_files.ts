/** The cgroup file system (cgroups(7); Documentation/admin-guide/cgroup-v2.rst), as far as Frontloader needs it. */
export interface CgroupFiles {
  /** @throws {Deno.errors.NotFound} among others */
  read(path: string): string;
  /**
   * Writes to a file that is there. In the background, as the move of a process takes the kernel some milliseconds.
   *
   * @throws {Error} Deno's, with the system's reason
   */
  write(path: string, value: string): Promise<void>;
  exists(path: string): boolean;
  /** Names of the cgroups right below; none if it is gone. */
  children(path: string): readonly string[];
  /** Makes a cgroup; one that is there already will do. */
  make(path: string): void;
  /**
   * Removes a cgroup.
   *
   * @throws {Deno.errors.Busy} while it has processes or children
   */
  remove(path: string): void;
  /** Calls `onChange` whenever the kernel says that a file has changed. */
  watch(path: string, onChange: () => void): Disposable;
}

/** The kernel's. */
export const kernelCgroupFiles: CgroupFiles = {
  read: (path) => Deno.readTextFileSync(path),
  write: (path, value) => Deno.writeTextFile(path, value, { create: false }),
  exists(path) {
    try {
      Deno.lstatSync(path);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  },
  children(path) {
    try {
      return Array.from(Deno.readDirSync(path)).filter(({ isDirectory }) => isDirectory)
        .map(({ name }) => name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  },
  make(path) {
    try {
      Deno.mkdirSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  },
  remove: (path) => Deno.removeSync(path),
  watch(path, onChange) {
    const watcher = Deno.watchFs(path);
    const watching = async () => {
      for await (const _ of watcher) onChange();
    };
    void watching();
    return { [Symbol.dispose]: () => watcher.close() };
  },
};
