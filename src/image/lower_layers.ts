import type { ByteString } from "../../ffi/byte_string.ts";
import type { FileStatus } from "../../ffi/file_metadata.ts";
import { joinPath, splitPath } from "./archive_path.ts";
import type { FileSystem } from "./file_system.ts";
import { isOpaque, isWhiteout } from "./whiteout.ts";

/** As many directories are kept open. */
const MAX_OPEN = 256;

/** Something that the layers below have. */
export interface LowerFile {
  readonly status: FileStatus;
  /** The layer that has it; of a directory, the topmost one. */
  readonly layer: number;
  /** All the layers that have a part of it, top-down, if it is a directory. */
  readonly parts: readonly number[];
}

/**
 * The settled layers below another one, seen as one tree, as overlayfs will show them (Linux,
 * filesystems/overlayfs.rst): the topmost layer that has a name wins, directories are merged down to an
 * opaque one, whiteouts hide. Looking is done by hand, so that nothing has to be mounted for it. Symlinks are
 * not followed.
 */
export class LowerLayers {
  readonly #fs: FileSystem;
  readonly #paths: readonly string[];
  readonly #found = new Map<ByteString, LowerFile | undefined>();
  readonly #open = new Map<string, number>();

  /**
   * @param paths the layers' directories, top-down; they are opened when they are needed, which most are not
   * for most layers
   */
  constructor(fs: FileSystem, paths: readonly string[]) {
    this.#fs = fs;
    this.#paths = paths;
  }

  /** Closes everything. */
  close(): void {
    for (const fd of this.#open.values()) this.#fs.close(fd);
    this.#open.clear();
  }

  /**
   * What has this path.
   *
   * @param path below the root; of its directories none is a symlink
   */
  get(path: ByteString): LowerFile | undefined {
    if (path === "") {
      if (this.#paths.length === 0) return undefined;
      const parts = this.#paths.map((_, layer) => layer);
      return { status: this.#fs.statusOf(this.descriptor(0, "")), layer: 0, parts };
    }
    if (this.#found.has(path)) return this.#found.get(path);
    const [directory, name] = splitPath(path);
    const parent = this.get(directory);
    const found = parent?.status.type === "directory"
      ? this.#look(parent.parts, directory, name)
      : undefined;
    this.#found.set(path, found);
    return found;
  }

  /** The target of what has this path, if it is a symlink. */
  symlinkAt(path: ByteString): ByteString | undefined {
    const found = this.get(path);
    if (found?.status.type !== "symlink") return undefined;
    const { parent, name } = this.locate(found.layer, path);
    return this.#fs.readLink(parent, name);
  }

  /** The names in a directory, with those that are hidden. */
  names(path: ByteString): ByteString[] {
    const parts = this.get(path)?.parts ?? [];
    return parts.flatMap((layer) => this.#fs.list(this.descriptor(layer, path)));
  }

  /**
   * Where a path is in a layer that has it: descriptor of its directory, valid until the next call, and its
   * name there.
   */
  locate(layer: number, path: ByteString): { readonly parent: number; readonly name: ByteString } {
    const [directory, name] = splitPath(path);
    return { parent: this.descriptor(layer, directory), name };
  }

  /** A descriptor, valid until the next call, of a directory that a layer has. */
  descriptor(layer: number, path: ByteString): number {
    if (this.#open.size > MAX_OPEN) this.close();
    return this.#directory(layer, path);
  }

  #look(
    layers: readonly number[],
    directory: ByteString,
    name: ByteString,
  ): LowerFile | undefined {
    const parts: number[] = [];
    let top: FileStatus | undefined;
    for (const layer of layers) {
      const fd = this.descriptor(layer, directory);
      const status = this.#fs.statusAt(fd, name);
      if (status === undefined) continue;
      if (status.type !== "directory") {
        // A directory hides what is no directory; a whiteout is nothing.
        if (top !== undefined || isWhiteout(status)) break;
        return { status, layer, parts };
      }
      top ??= status;
      parts.push(layer);
      const path = joinPath(directory, name);
      if (isOpaque(this.#fs, this.descriptor(layer, path))) break;
    }
    return top && { status: top, layer: parts[0]!, parts };
  }

  #directory(layer: number, path: ByteString): number {
    const key = `${layer}/${path}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const fd = this.#openDirectory(layer, path);
    this.#open.set(key, fd);
    return fd;
  }

  #openDirectory(layer: number, path: ByteString): number {
    if (path === "") return this.#fs.openRoot(this.#paths[layer]!);
    const [directory, name] = splitPath(path);
    const fd = this.#fs.openDirectory(this.#directory(layer, directory), name);
    if (fd === undefined) throw new Error("a layer has changed that nobody should touch");
    return fd;
  }
}
