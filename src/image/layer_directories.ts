import type { ByteString } from "../../ffi/byte_string.ts";
import { joinPath } from "./archive_path.ts";
import type { EntryMetadata } from "./entry_metadata.ts";
import type { FileSystem } from "./file_system.ts";

/** As many directories of a layer are kept open. What is below one that is needed is opened through it. */
const MAX_OPEN = 128;

/** A hard link to something that was not there when its entry came. */
export interface PendingLink {
  /** Its place among all pending links of the layer: a later one may link to an earlier one. */
  readonly order: number;
  /** What it links to, a path below the root. */
  readonly target: ByteString;
}

/** A directory that a layer has. */
export class LayerDirectory {
  readonly children = new Map<ByteString, LayerDirectory>();
  /** Hard links in it that are still to be made. */
  pendingLinks: Map<ByteString, PendingLink> | undefined;
  /** What the archive says of it; undefined for a directory that is only implied, as others are in it. */
  metadata: EntryMetadata | undefined;
  /** True if nothing of lower layers shows in it. */
  opaque = false;
  /** While it is open. */
  fd: number | undefined;

  constructor(
    public name: ByteString,
    /** Undefined for the layer's root, and for a directory that is gone. */
    public parent: LayerDirectory | undefined,
    /** Below the root, without `/` at its ends. */
    public path: ByteString,
  ) {}

  /** The path of something in this directory. */
  pathOf(name: ByteString): ByteString {
    return joinPath(this.path, name);
  }
}

/**
 * The real directories of a layer, which is being made: all of them, so that what is not in here and yet
 * there can only be a symlink or something else that is no directory. They are opened one component at a time
 * and never through a symlink; even a wrong entry in here could not lead out of the layer.
 */
export class LayerDirectories {
  readonly root: LayerDirectory;
  readonly #fs: FileSystem;
  readonly #byPath = new Map<ByteString, LayerDirectory>();
  readonly #open: LayerDirectory[] = [];

  /** @param root descriptor of the layer's directory */
  constructor(fs: FileSystem, root: number) {
    this.#fs = fs;
    this.root = new LayerDirectory("", undefined, "");
    this.root.fd = root;
    this.#byPath.set("", this.root);
  }

  /** The directory with a path, if the layer has it; a path through a symlink is not found. */
  get(path: ByteString): LayerDirectory | undefined {
    return this.#byPath.get(path);
  }

  /** All of them, parents before what is in them. */
  *all(from = this.root): Generator<LayerDirectory> {
    yield from;
    for (const child of from.children.values()) yield* this.all(child);
  }

  /** Adds a directory that has just been made. */
  add(parent: LayerDirectory, name: ByteString): LayerDirectory {
    const directory = new LayerDirectory(name, parent, parent.pathOf(name));
    parent.children.set(name, directory);
    this.#byPath.set(directory.path, directory);
    return directory;
  }

  /** Forgets a directory that has been removed, and what was in it. */
  forget(directory: LayerDirectory): void {
    directory.parent?.children.delete(directory.name);
    for (const gone of [...this.all(directory)]) {
      this.#byPath.delete(gone.path);
      this.#close(gone);
      gone.parent = undefined;
    }
  }

  /** Notes that a directory has been moved. */
  move(directory: LayerDirectory, parent: LayerDirectory, name: ByteString): void {
    directory.parent?.children.delete(directory.name);
    directory.parent = parent;
    directory.name = name;
    parent.children.set(name, directory);
    for (const moved of this.all(directory)) {
      this.#byPath.delete(moved.path);
      moved.path = moved.parent!.pathOf(moved.name);
      this.#byPath.set(moved.path, moved);
    }
  }

  /** A descriptor of the directory, which stays open until the next {@linkcode trim}. */
  descriptor(directory: LayerDirectory): number {
    if (directory.fd !== undefined) return directory.fd;
    const { parent, name } = directory;
    const fd = parent && this.#fs.openDirectory(this.descriptor(parent), name);
    if (fd === undefined) throw new Error("a directory has gone that nobody else should touch");
    directory.fd = fd;
    this.#open.push(directory);
    return fd;
  }

  /** Closes directories if too many are open. */
  trim(): void {
    if (this.#open.length > MAX_OPEN) this.rest();
  }

  /** Closes all but the root, until one is needed again. */
  rest(): void {
    for (const directory of this.#open) this.#close(directory);
    this.#open.length = 0;
  }

  /** Closes everything, the root too. */
  close(): void {
    this.rest();
    if (this.root.fd !== undefined) this.#fs.close(this.root.fd);
    this.root.fd = undefined;
  }

  #close(directory: LayerDirectory): void {
    if (directory.fd !== undefined) this.#fs.close(directory.fd);
    directory.fd = undefined;
  }
}
