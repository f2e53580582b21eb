import { digestHex } from "../registry/digest.ts";
import type { ChainId } from "./chain_id.ts";

/** A layer that is being unpacked: it ends with one call of either method. */
export interface StagedLayer {
  /** The directory to unpack it into. */
  readonly path: string;
  /**
   * Makes it visible under its ChainID, all at once. If somebody else has been faster theirs stays, which is
   * the same.
   */
  commit(chainId: ChainId): void;
  /** Removes it instead. */
  discard(): void;
}

/** What {@linkcode LayerStore.name} makes. Whatever else lies beside the layers is not ours to remove. */
const LAYER_NAME = /^[a-z2-7]{26}$/;

/** Base 32 (RFC 4648) in lower case. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * The unpacked layers of all images, in a file system in memory: `layers/NAME` each, `staging/` for what is
 * being unpacked, `trash/` for what is being deleted.
 *
 * Several processes may have a store open at a time. A layer appears by one rename and disappears by one
 * rename; who removes layers has to know that nobody counts on them.
 */
export class LayerStore {
  /** What it was opened with. */
  readonly directory: string;
  readonly #deletions = new Set<Promise<void>>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Opens a store, and removes what processes that have ended left half-done.
   *
   * @param directory exists
   */
  static open(directory: string): LayerStore {
    const store = new LayerStore(directory);
    for (const path of [store.layersDirectory, store.#staging, store.#trash]) {
      // An image's set-uid programs and world-writable directories are not for the users of this machine
      // (CVE-2021-41091).
      Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    }
    store.#clearStaging();
    store.#emptyTrash();
    return store;
  }

  /** Where the layers are: {@linkcode name} is a name in it. */
  get layersDirectory(): string {
    return `${this.directory}/layers`;
  }

  get #staging(): string {
    return `${this.directory}/staging`;
  }

  get #trash(): string {
    return `${this.directory}/trash`;
  }

  /**
   * The name of a layer's directory. It has 130 bits of the digest, which nobody can find a second layer for;
   * 127 of these names, with colons between them, and the other options of an overlay fit the 4,096 bytes
   * that mount(2) takes of them, as whole digests would not.
   */
  name(chainId: ChainId): string {
    const bits = BigInt(`0x${digestHex(chainId)}`) >> 126n;
    let name = "";
    for (let shift = 125n; shift >= 0n; shift -= 5n) {
      name += ALPHABET[Number(bits >> shift & 31n)];
    }
    return name;
  }

  /** The path of a layer's directory. */
  path(chainId: ChainId): string {
    return `${this.layersDirectory}/${this.name(chainId)}`;
  }

  /** True if the layer is there, complete. */
  has(chainId: ChainId): boolean {
    return exists(this.path(chainId));
  }

  /** Makes a place to unpack a layer in. */
  stage(): StagedLayer {
    const { path, lock } = this.#makeStaging();
    return {
      path,
      commit: (chainId) => {
        try {
          Deno.renameSync(path, this.path(chainId));
        } catch (error) {
          if (!this.has(chainId)) throw error;
          this.#discard(path);
        }
        lock.close();
      },
      discard: () => {
        this.#discard(path);
        lock.close();
      },
    };
  }

  /**
   * Removes layers: they are gone at once, and their space in a moment.
   *
   * @param names as of {@linkcode name}; those that are not there are passed over
   */
  remove(names: Iterable<string>): void {
    for (const name of names) this.#discard(`${this.layersDirectory}/${name}`);
  }

  /** Removes all layers but those in `keep`, and what processes that have ended left half-done. */
  sweep(keep: ReadonlySet<ChainId>): void {
    const kept = new Set([...keep].map((chainId) => this.name(chainId)));
    this.remove(
      names(this.layersDirectory).filter((name) => LAYER_NAME.test(name) && !kept.has(name)),
    );
    this.#clearStaging();
  }

  /** Waits until the space of everything that has been removed is free. */
  async deleted(): Promise<void> {
    await Promise.all(this.#deletions);
  }

  /** Makes a directory that this process holds a lock on: when it ends, however it does, the lock is gone. */
  #makeStaging(): { path: string; lock: Deno.FsFile } {
    for (;;) {
      const path = `${this.#staging}/${crypto.randomUUID()}`;
      Deno.mkdirSync(path, { mode: 0o700 });
      const lock = tryLock(path);
      // Another process may have taken it for one that was left behind, until it was locked.
      if (lock !== undefined && exists(path)) return { path, lock };
      lock?.close();
    }
  }

  #clearStaging(): void {
    for (const name of names(this.#staging)) {
      const path = `${this.#staging}/${name}`;
      const lock = tryLock(path);
      if (lock !== undefined) this.#discard(path);
      lock?.close();
    }
  }

  #discard(path: string): void {
    const trash = `${this.#trash}/${crypto.randomUUID()}`;
    try {
      Deno.renameSync(path, trash);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    this.#delete(trash);
  }

  #emptyTrash(): void {
    for (const name of names(this.#trash)) this.#delete(`${this.#trash}/${name}`);
  }

  /**
   * Deletes on another thread. Another process may be at it too; what both leave over the next one that opens
   * the store deletes.
   */
  #delete(path: string): void {
    const deletion = Deno.remove(path, { recursive: true })
      .catch(() => {})
      .finally(() => this.#deletions.delete(deletion));
    this.#deletions.add(deletion);
  }
}

/** Locks a directory, unless somebody else has or it is gone. */
function tryLock(path: string): Deno.FsFile | undefined {
  try {
    const file = Deno.openSync(path);
    if (file.tryLockSync(true)) return file;
    file.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}

function names(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
