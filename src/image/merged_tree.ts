import type { ByteString } from "../../ffi/byte_string.ts";
import { splitPath } from "./archive_path.ts";
import type { FileSystem } from "./file_system.ts";
import type { LayerDirectories, LayerDirectory } from "./layer_directories.ts";
import type { LowerFile, LowerLayers } from "./lower_layers.ts";
import { resolvePath } from "./resolve_path.ts";

/** What a layer hides of the layers below. */
export interface Hidden {
  /** These names, with what they have in them. */
  readonly whiteouts: ReadonlySet<ByteString>;
  /** What these directories have in them. */
  readonly opaques: ReadonlySet<ByteString>;
}

/**
 * A layer and what shows through of the layers below, as one tree. The layer's implied directories are
 * transparent: where the layers below have something else, that is what is there.
 */
export class MergedTree {
  readonly #hidden: Hidden;
  readonly #fs: FileSystem;
  readonly #directories: LayerDirectories;
  readonly #lower: LowerLayers;

  constructor(
    fs: FileSystem,
    directories: LayerDirectories,
    { lower, hidden }: { lower: LowerLayers; hidden: Hidden },
  ) {
    this.#fs = fs;
    this.#directories = directories;
    this.#lower = lower;
    this.#hidden = hidden;
  }

  /** What the layers below have, unless the layer hides it. */
  below(path: ByteString): LowerFile | undefined {
    return this.#hidden.whiteouts.has(path) ? undefined : this.hideable(path);
  }

  /** What the layers below have, unless the layer hides what it is in. */
  hideable(path: ByteString): LowerFile | undefined {
    const found = this.#lower.get(path);
    if (found === undefined) return undefined;
    const { whiteouts, opaques } = this.#hidden;
    for (let [at] = splitPath(path); at !== ""; [at] = splitPath(at)) {
      if (whiteouts.has(at) || opaques.has(at) || this.hasFile(at)) return undefined;
    }
    return found;
  }

  /** True if the layer has something in a directory, of whatever type. */
  has(parent: LayerDirectory, name: ByteString): boolean {
    return this.#fs.statusAt(this.#directories.descriptor(parent), name) !== undefined;
  }

  /** True if the layer has something there that is no directory. */
  hasFile(path: ByteString): boolean {
    if (this.#directories.get(path) !== undefined) return false;
    const [directory, name] = splitPath(path);
    const parent = this.#directories.get(directory);
    return parent !== undefined && this.has(parent, name);
  }

  /**
   * Where a path leads, which need not exist, inside the root.
   *
   * @throws {Error} if it leads nowhere
   */
  resolve(path: ByteString): ByteString {
    return resolvePath(path, (path) => this.symlinkAt(path));
  }

  /** The target of what is there, if it is a symlink. */
  symlinkAt(path: ByteString): ByteString | undefined {
    const [directory, name] = splitPath(path);
    const own = this.#directories.get(path);
    if (own?.metadata !== undefined) return undefined;
    const parent = this.#directories.get(directory);
    if (own === undefined && parent !== undefined) {
      const fd = this.#directories.descriptor(parent);
      const status = this.#fs.statusAt(fd, name);
      if (status?.type === "symlink") return this.#fs.readLink(fd, name);
      if (status !== undefined) return undefined;
    }
    return this.below(path) && this.#lower.symlinkAt(path);
  }
}
