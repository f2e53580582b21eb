import { type ByteString, displayName } from "../../ffi/byte_string.ts";
import { checkDepth, cleanPath, joinPath, splitPath } from "./archive_path.ts";
import { applyMetadata, applyMetadataAt, IMPLIED_MODE, initialMode } from "./entry_metadata.ts";
import type { FileSystem } from "./file_system.ts";
import { LayerDirectories, type LayerDirectory } from "./layer_directories.ts";
import type { SparseExtent, TarEntry } from "./tar_entry.ts";
import type { TarSink } from "./tar_reader.ts";
import type { UnpackBudget } from "./unpack_budget.ts";
import { isWhiteout } from "./whiteout.ts";

/** Prefix of names that stand for the absence of the rest (OCI image-spec, layer.md#whiteouts). */
const WHITEOUT = ".wh.";
/** The whole name of an entry that hides everything that lower layers have in its directory. */
const OPAQUE = ".wh..wh..opq";

/** As many symlinks as the kernel follows in one look-up (path_resolution(7)). */
const MAX_SYMLINKS = 40;

/** What a layer's archive has come to, to be completed by `settleLayer` once the layers below are there. */
export interface UnpackedLayer {
  readonly directories: LayerDirectories;
  /** Paths that it hides in lower layers. */
  readonly whiteouts: ReadonlySet<ByteString>;
  /** Directories in which it hides everything that lower layers have. */
  readonly opaques: ReadonlySet<ByteString>;
}

/** A file that is being written. */
interface OpenFile {
  readonly fd: number;
  readonly entry: TarEntry;
  /** What is left of a sparse file's map, the last part first. */
  readonly extents: SparseExtent[] | undefined;
}

/**
 * Writes one layer into a directory of its own, entry by entry, without a look at the layers below. What
 * depends on them is noted: directories without an entry, whiteouts, hard links to what is not in this layer.
 * Directories get their owners, modes and times at the end, when nothing changes in them any more.
 */
export class LayerUnpacker implements TarSink, UnpackedLayer {
  readonly directories: LayerDirectories;
  readonly whiteouts = new Set<ByteString>();
  readonly opaques = new Set<ByteString>();
  readonly #fs: FileSystem;
  readonly #budget: UnpackBudget;
  #file: OpenFile | undefined;
  #pendingLinks = 0;
  /** Where the entry before was, as most are where the one before them was. */
  #lastPath: ByteString = "";
  #lastParent: LayerDirectory;

  /**
   * @param root descriptor of the empty directory to unpack into; {@linkcode close} closes it
   */
  constructor(fs: FileSystem, root: number, budget: UnpackBudget) {
    this.#fs = fs;
    this.#budget = budget;
    this.directories = new LayerDirectories(fs, root);
    this.#lastParent = this.directories.root;
    fs.clearUmask();
  }

  /** Closes everything that is open. */
  close(): void {
    if (this.#file !== undefined) this.#fs.close(this.#file.fd);
    this.#file = undefined;
    this.directories.close();
  }

  entry(entry: TarEntry): void {
    try {
      this.#unpack(entry);
    } catch (error) {
      throw unpackError(entry, error);
    }
  }

  data(bytes: Uint8Array): void {
    const file = this.#file;
    // A whiteout has no contents, whatever its size says.
    if (file === undefined) return;
    try {
      this.#budget.addBytes(bytes.length);
      if (file.extents === undefined) this.#fs.write(file.fd, bytes);
      else this.#writeSparse(file.fd, file.extents, bytes);
    } catch (error) {
      throw unpackError(file.entry, error);
    }
  }

  entryEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    const { fd, entry } = file;
    try {
      if (file.extents !== undefined) this.#fs.setSize(fd, entry.size);
      applyMetadata(this.#fs, fd, entry, initialMode(entry));
    } catch (error) {
      throw unpackError(entry, error);
    }
    this.#fs.close(fd);
    this.#file = undefined;
  }

  #unpack(entry: TarEntry): void {
    this.#budget.addEntry();
    this.directories.trim();
    const path = cleanPath(entry.path);
    const [directory, name] = splitPath(path);
    if (name.startsWith(WHITEOUT)) return this.#noteWhiteout(directory, name);
    if (name === "") return this.#unpackRoot(entry);
    // Made by overlayfs, this would be a whiteout, which only this program may make.
    if (isWhiteout(entry)) return;
    const parent = this.#parent(directory);
    parent.pendingLinks?.delete(name);
    this.#make(parent, name, entry);
  }

  #unpackRoot(entry: TarEntry): void {
    if (entry.type !== "directory") throw new Error("the root can only be a directory");
    this.#describe(this.directories.root, entry);
  }

  #noteWhiteout(directory: ByteString, name: ByteString): void {
    this.#budget.remember(directory + name);
    if (name === OPAQUE) {
      this.opaques.add(directory);
      return;
    }
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === "" || hidden === "." || hidden === "..") {
      throw new Error("a whiteout of nothing that a directory can have");
    }
    this.whiteouts.add(joinPath(directory, hidden));
  }

  #make(parent: LayerDirectory, name: ByteString, entry: TarEntry): void {
    const fd = this.directories.descriptor(parent);
    switch (entry.type) {
      case "file":
        return this.#makeFile(parent, fd, name, entry);
      case "directory":
        return this.#makeDirectory(parent, name, entry);
      case "link":
        return this.#makeLink(parent, fd, name, entry);
      case "symlink":
        if (!this.#fs.makeSymlink(entry.target, fd, name)) {
          this.#remove(parent, name);
          this.#fs.makeSymlink(entry.target, fd, name);
        }
        return applyMetadataAt(this.#fs, fd, name, entry);
      default: {
        const node = { type: entry.type, mode: initialMode(entry), ...entry.device };
        if (!this.#fs.makeNode(fd, name, node)) {
          this.#remove(parent, name);
          this.#fs.makeNode(fd, name, node);
        }
        return applyMetadataAt(this.#fs, fd, name, entry);
      }
    }
  }

  #makeFile(parent: LayerDirectory, fd: number, name: ByteString, entry: TarEntry): void {
    const mode = initialMode(entry);
    let file = this.#fs.createFile(fd, name, mode);
    if (file === undefined) {
      this.#remove(parent, name);
      file = this.#fs.createFile(fd, name, mode);
      if (file === undefined) throw new Error("something appeared that nobody else should make");
    }
    const extents = entry.extents?.filter(({ length }) => length > 0).reverse();
    this.#file = { fd: file, entry, extents };
  }

  #makeDirectory(parent: LayerDirectory, name: ByteString, entry: TarEntry): void {
    let directory = this.directories.get(parent.pathOf(name));
    if (directory === undefined) {
      const fd = this.directories.descriptor(parent);
      if (!this.#fs.makeDirectory(fd, name, IMPLIED_MODE)) {
        this.#remove(parent, name);
        this.#fs.makeDirectory(fd, name, IMPLIED_MODE);
      }
      directory = this.#add(parent, name);
    }
    this.#describe(directory, entry);
  }

  #describe(directory: LayerDirectory, entry: TarEntry): void {
    const { mode, uid, gid, mtime, attributes } = entry;
    for (const [name, value] of attributes ?? []) this.#budget.remember(name + value);
    directory.metadata = { mode, uid, gid, mtime, attributes };
  }

  #makeLink(parent: LayerDirectory, fd: number, name: ByteString, entry: TarEntry): void {
    const target = cleanPath(entry.target);
    const [targetDirectory, targetName] = splitPath(target);
    const targetParent = this.#find(targetDirectory, "existing");
    if (targetParent === parent && targetName === name) return;
    const targetFd = targetParent && this.directories.descriptor(targetParent);
    if (targetFd === undefined || this.#fs.statusAt(targetFd, targetName) === undefined) {
      this.#budget.remember(target);
      // What the link replaces is gone, whatever it will link to.
      if (this.#fs.statusAt(fd, name) !== undefined) this.#remove(parent, name);
      parent.pendingLinks ??= new Map();
      parent.pendingLinks.set(name, { order: this.#pendingLinks++, target });
      return;
    }
    if (!this.#fs.makeHardLink(targetFd, targetName, fd, name)) {
      this.#remove(parent, name);
      this.#fs.makeHardLink(targetFd, targetName, fd, name);
    }
  }

  #writeSparse(fd: number, extents: SparseExtent[], bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      // The reader has made sure that there is a place for all the data.
      const { offset, length } = extents.pop()!;
      const count = Math.min(length, bytes.length - at);
      this.#fs.seek(fd, offset);
      this.#fs.write(fd, bytes.subarray(at, at + count));
      if (count < length) extents.push({ offset: offset + count, length: length - count });
      at += count;
    }
  }

  /** Removes what an entry replaces. */
  #remove(parent: LayerDirectory, name: ByteString): void {
    const fd = this.directories.descriptor(parent);
    const directory = this.directories.get(parent.pathOf(name));
    if (directory === undefined) this.#fs.removeFile(fd, name);
    else {
      removeTree(this.#fs, this.directories, directory);
      this.directories.forget(directory);
    }
    // It may have been on the way there.
    this.#lastPath = "";
    this.#lastParent = this.directories.root;
  }

  #parent(path: ByteString): LayerDirectory {
    if (path !== this.#lastPath) {
      this.#lastParent = this.directories.get(path) ?? this.#find(path, "made");
      this.#lastPath = path;
    }
    return this.#lastParent;
  }

  /**
   * The directory that a path leads to when the symlinks of this layer are followed, inside its root.
   *
   * @param missing whether directories that are not there are made, as implied ones, or the result is undefined
   * @throws {Error} if something else is in the way
   */
  #find(path: ByteString, missing: "made"): LayerDirectory;
  #find(path: ByteString, missing: "existing"): LayerDirectory | undefined;
  #find(path: ByteString, missing: "made" | "existing"): LayerDirectory | undefined {
    let directory = this.directories.root;
    let symlinks = 0;
    const todo = path.split("/").reverse();
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        directory = directory.parent ?? directory;
        continue;
      }
      let next = directory.children.get(name);
      if (next === undefined) {
        const fd = this.directories.descriptor(directory);
        const status = this.#fs.statusAt(fd, name);
        if (status?.type === "symlink") {
          if (++symlinks > MAX_SYMLINKS) throw new Error("too many symlinks on the way");
          const target = this.#fs.readLink(fd, name);
          if (target.startsWith("/")) directory = this.directories.root;
          todo.push(...target.split("/").reverse());
          continue;
        }
        if (missing === "existing") return undefined;
        if (status !== undefined) {
          throw new Error(`${displayName(directory.pathOf(name))} is not a directory`);
        }
        this.#fs.makeDirectory(fd, name, IMPLIED_MODE);
        directory.pendingLinks?.delete(name);
        next = this.#add(directory, name);
      }
      directory = next;
    }
    return directory;
  }

  #add(parent: LayerDirectory, name: ByteString): LayerDirectory {
    const path = parent.pathOf(name);
    // Symlinks may have led deeper than the entry's own path is.
    checkDepth(path);
    this.#budget.remember(path);
    return this.directories.add(parent, name);
  }
}

/** Removes a directory of a layer with everything in it. */
export function removeTree(
  fs: FileSystem,
  directories: LayerDirectories,
  directory: LayerDirectory,
): void {
  const fd = directories.descriptor(directory);
  for (const name of fs.list(fd)) {
    const child = directory.children.get(name);
    if (child === undefined) fs.removeFile(fd, name);
    else removeTree(fs, directories, child);
  }
  fs.removeDirectory(directories.descriptor(directory.parent!), directory.name);
}

function unpackError(entry: TarEntry, cause: unknown): Error {
  return new Error(`Cannot unpack ${displayName(entry.path)}`, { cause });
}
