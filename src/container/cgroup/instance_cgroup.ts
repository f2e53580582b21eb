import type { ExitStatus } from "../../../ffi/process.ts";
import type { LimitSettings } from "../../config/settings.ts";
import { isGone } from "../../system/is_gone.ts";
import type { CgroupFiles } from "./cgroup_files.ts";
import { limitFiles } from "./limit_files.ts";
import {
  describeEnd,
  describeOutOfMemory,
  type OutOfMemory,
  parseMemoryEvents,
} from "./out_of_memory.ts";

/** The cgroup of one instance. */
export interface InstanceCgroup {
  /** Calls `listener`, with a text for people, whenever some of its processes were killed for want of memory. */
  onKill(listener: (text: string) => void): void;
  /** How the instance ended, for a person. */
  describeEnd(status: ExitStatus): string;
}

/** A directory of the cgroup file system that is the cgroup of one instance. */
export class CgroupDirectory implements InstanceCgroup {
  readonly path: string;
  readonly #files: CgroupFiles;
  readonly #limits: LimitSettings;
  #listener: ((text: string) => void) | undefined;
  #last: OutOfMemory = { kills: 0, where: "machine" };
  /** Of so many kills the listener has been told. */
  #told = 0;

  constructor(files: CgroupFiles, path: string, limits: LimitSettings) {
    this.#files = files;
    this.path = path;
    this.#limits = limits;
  }

  /**
   * Makes the directory and sets the limits.
   *
   * @throws {Error} if that cannot be done
   */
  async make(): Promise<void> {
    this.#files.make(this.path);
    for (const { name, value, optional } of limitFiles(this.#limits)) {
      const path = `${this.path}/${name}`;
      if (optional && !this.#files.exists(path)) continue;
      await write(this.#files, path, value);
    }
  }

  onKill(listener: (text: string) => void): void {
    this.#listener = listener;
    // What has come to pass before somebody listens is not to be lost.
    this.look();
  }

  /** Looks whether there is something to tell the listener. */
  look(): void {
    const { kills } = this.#read();
    const count = kills - this.#told;
    if (count === 0 || this.#listener === undefined) return;
    this.#told = kills;
    const processes = count === 1 ? "a process was" : `${count} processes were`;
    this.#listener(`${processes} killed: ${this.#reason}`);
  }

  describeEnd(status: ExitStatus): string {
    return describeEnd(status, this.#last.kills, this.#reason);
  }

  /** Notes what its end is to be described with, before it is removed. */
  close(): void {
    this.#read();
    this.#listener = undefined;
  }

  /** Why processes of it were killed, for a person; undefined if none was. */
  whyKilled(): string | undefined {
    return this.#read().kills > 0 ? this.#reason : undefined;
  }

  /** What the kernel says now, or has said last. */
  #read(): OutOfMemory {
    try {
      this.#last = parseMemoryEvents(this.#files.read(`${this.path}/memory.events`));
    } catch (error) {
      // Without the memory controller, or after its end.
      if (!isGone(error)) throw error;
    }
    return this.#last;
  }

  get #reason(): string {
    return describeOutOfMemory(this.#last, this.#limits.memory);
  }
}

async function write(files: CgroupFiles, path: string, value: string): Promise<void> {
  try {
    await files.write(path, value);
  } catch (error) {
    throw new Error(`Cannot write "${value}" to "${path}"`, { cause: error });
  }
}
