/** How much an image may take. */
export interface UnpackLimits {
  /** Bytes of file contents, in all layers together. */
  readonly bytes: number;
  /** Entries, in all layers together: each costs time, and most of them an inode. */
  readonly entries: number;
  /** Bytes of the paths that unpacking has to remember: of directories, whiteouts, and links to lower layers. */
  readonly remembered: number;
}

/** More than real images have: those with a whole scientific distribution reach 50 GB and 700,000 files. */
export const DEFAULT_LIMITS: UnpackLimits = {
  bytes: 2 ** 38,
  entries: 4_000_000,
  remembered: 2 ** 28,
};

/** Counts what an image takes while it is unpacked, so that a bomb ends in a clear error before memory does. */
export class UnpackBudget {
  readonly #limits: UnpackLimits;
  #bytes = 0;
  #entries = 0;
  #remembered = 0;

  constructor(limits: UnpackLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** @throws {Error} if the image has more contents than it may have */
  addBytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes > this.#limits.bytes) {
      throw new Error(`Cannot unpack the image: it has more than ${this.#limits.bytes} bytes`);
    }
  }

  /** @throws {Error} if the image has more entries than it may have */
  addEntry(): void {
    this.#entries++;
    if (this.#entries > this.#limits.entries) {
      throw new Error(`Cannot unpack the image: it has more than ${this.#limits.entries} entries`);
    }
  }

  /** @throws {Error} if the image makes us remember more than we are willing to */
  remember(path: string): void {
    this.#remembered += path.length;
    if (this.#remembered > this.#limits.remembered) {
      throw new Error(
        `Cannot unpack the image: the paths of its directories and whiteouts have more than ${this.#limits.remembered} bytes`,
      );
    }
  }
}
