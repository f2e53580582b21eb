import { type ByteString, displayName } from "../../ffi/byte_string.ts";
import { joinPath, splitPath } from "./archive_path.ts";
import {
  applyMetadata,
  type EntryMetadata,
  IMPLIED_MODE,
  isPortableAttribute,
} from "./entry_metadata.ts";
import type { FileSystem } from "./file_system.ts";
import type { LayerDirectories, LayerDirectory } from "./layer_directories.ts";
import type { LowerLayers } from "./lower_layers.ts";
import { removeTree, type UnpackedLayer } from "./unpack_layer.ts";
import { makeOpaque, makeWhiteout } from "./whiteout.ts";

/** As many symlinks as the kernel follows in one look-up (path_resolution(7)). */
const MAX_SYMLINKS = 40;

/** A directory of which nobody says anything. Its time is the same whenever the image is unpacked. */
const IMPLIED: EntryMetadata = {
  mode: IMPLIED_MODE,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  attributes: undefined,
};

/**
 * Completes a layer that has been unpacked by itself, so that an overlay of all layers looks as if they had been unpacked one
 * over the other:
 *
 * - What the layer has in a directory that it only implies belongs behind the symlink that the layers below may have there,
 *   `lib/x` to `usr/lib/x` where `lib -> usr/lib`.
 * - Whiteouts are made where there is something to hide. An idle one must not be left behind: in a directory that only one layer has
 *   overlayfs does not look for whiteouts, and would list it.
 * - Hard links to files of lower layers are made. The layers are in one file system, so the link is a real one.
 * - Directories get their metadata, implied ones that of the directory below.
 *
 * @param layer closed afterwards by the caller, changed by nobody any more
 * @param lower the layers below, settled
 * @throws {Error} if a hard link leads nowhere, or something that is no directory is to have something in it
 */
export function settleLayer(fs: FileSystem, layer: UnpackedLayer, lower: LowerLayers): void {
  new Settlement(fs, layer, lower).run();
}

class Settlement {
  readonly #fs: FileSystem;
  readonly #directories: LayerDirectories;
  readonly #lower: LowerLayers;
  /** Names and directories whose lower part is hidden by this layer. */
  #whiteouts: ReadonlySet<ByteString>;
  #opaques: ReadonlySet<ByteString>;

  constructor(fs: FileSystem, layer: UnpackedLayer, lower: LowerLayers) {
    this.#fs = fs;
    this.#directories = layer.directories;
    this.#lower = lower;
    this.#whiteouts = layer.whiteouts;
    this.#opaques = layer.opaques;
  }

  run(): void {
    const whiteouts = [...this.#whiteouts].map((path) => {
      const [directory, name] = splitPath(path);
      return joinPath(this.#resolve(directory), name);
    });
    const opaques = new Set([...this.#opaques].map((path) => this.#resolve(path)));
    // overlayfs does not ask whether the root of a layer is opaque.
    if (opaques.delete("")) whiteouts.push(...this.#lower.names(""));
    this.#whiteouts = new Set(whiteouts);
    this.#opaques = opaques;
    this.#moveBehindSymlinks();
    for (const path of this.#whiteouts) this.#makeWhiteout(path);
    for (const path of this.#opaques) this.#makeOpaque(path);
    this.#makePendingLinks();
    for (const directory of this.#directories.all()) this.#complete(directory);
  }

  #moveBehindSymlinks(): void {
    const todo = [this.#directories.root];
    for (let directory = todo.pop(); directory !== undefined; directory = todo.pop()) {
      this.#directories.trim();
      const { path } = directory;
      if (directory.metadata === undefined && path !== "" && this.#symlinkAt(path) !== undefined) {
        const target = this.#ensure(this.#resolve(path));
        todo.push(...this.#merge(directory, target));
      } else {
        if (directory.metadata === undefined) this.#checkDirectoryBelow(path);
        todo.push(...directory.children.values());
      }
    }
  }

  /**
   * Moves everything in a directory of the layer into another one. Where both have something, that of `from` stays: which entry
   * came later is not known any more.
   *
   * @returns the directories that have another path now
   */
  #merge(from: LayerDirectory, to: LayerDirectory): LayerDirectory[] {
    const moved: LayerDirectory[] = [];
    for (const name of this.#fs.list(this.#directories.descriptor(from))) {
      const child = from.children.get(name);
      const existing = to.children.get(name);
      to.pendingLinks?.delete(name);
      if (child !== undefined && existing !== undefined) {
        existing.metadata = child.metadata ?? existing.metadata;
        moved.push(...this.#merge(child, existing));
        continue;
      }
      if (child !== undefined || existing !== undefined) this.#remove(to, name);
      const source = this.#directories.descriptor(from);
      this.#fs.rename(source, name, this.#directories.descriptor(to), name);
      if (child !== undefined) {
        this.#directories.move(child, to);
        moved.push(child);
      }
    }
    if (from.pendingLinks !== undefined) {
      to.pendingLinks = new Map([...to.pendingLinks ?? [], ...from.pendingLinks]);
    }
    this.#fs.removeDirectory(this.#directories.descriptor(from.parent!), from.name);
    this.#directories.forget(from);
    return moved;
  }

  #remove(parent: LayerDirectory, name: ByteString): void {
    const directory = parent.children.get(name);
    if (directory !== undefined) {
      removeTree(this.#fs, this.#directories, directory);
      this.#directories.forget(directory);
    } else if (this.#exists(parent, name)) {
      this.#fs.removeFile(this.#directories.descriptor(parent), name);
    }
  }

  #makeWhiteout(path: ByteString): void {
    const [directory, name] = splitPath(path);
    const parent = this.#directories.get(directory);
    const survivor = parent?.children.get(name);
    // What the layer has itself stays, whichever entry came first; of a directory only what the layer itself has in it.
    if (survivor !== undefined) survivor.opaque = true;
    else if (parent !== undefined && this.#exists(parent, name)) return;
    else if (this.#reaches(path)) {
      const fd = this.#directories.descriptor(this.#ensure(directory));
      makeWhiteout(this.#fs, fd, name);
    }
    this.#directories.trim();
  }

  #makeOpaque(path: ByteString): void {
    const below = this.#shows(path) && !this.#replaces(path) ? this.#lower.get(path) : undefined;
    if (below?.status.type === "directory") this.#ensure(path).opaque = true;
    this.#directories.trim();
  }

  #makePendingLinks(): void {
    const links = [...this.#directories.all()].flatMap((directory) =>
      [...directory.pendingLinks ?? []].map(([name, link]) => ({ directory, name, ...link }))
    );
    links.sort((a, b) => a.order - b.order);
    const made = new Set<ByteString>();
    for (const { directory, name, target } of links) {
      const [targetDirectory, targetName] = splitPath(target);
      const path = joinPath(this.#resolve(targetDirectory), targetName);
      this.#makeLink(directory, name, path, made.has(path));
      made.add(directory.pathOf(name));
      this.#directories.trim();
    }
  }

  #makeLink(directory: LayerDirectory, name: ByteString, path: ByteString, own: boolean): void {
    const found = own ? undefined : this.#lower.get(path);
    const fd = this.#directories.descriptor(directory);
    if (found !== undefined) {
      const { parent, name: from } = this.#lower.locate(found.layer, path);
      this.#remove(directory, name);
      this.#fs.makeHardLink(parent, from, fd, name);
      return;
    }
    // One that comes later in its own layer, perhaps.
    const [from, fromName] = splitPath(path);
    const parent = this.#directories.get(from);
    if (parent === undefined || !this.#exists(parent, fromName)) {
      const link = displayName(directory.pathOf(name));
      throw new Error(`Cannot make the hard link ${link}: no layer has ${displayName(path)}`);
    }
    this.#remove(directory, name);
    this.#fs.makeHardLink(this.#directories.descriptor(parent), fromName, fd, name);
  }

  #complete(directory: LayerDirectory): void {
    this.#directories.trim();
    const fd = this.#directories.descriptor(directory);
    const metadata = directory.metadata ?? this.#metadataBelow(directory.path) ?? IMPLIED;
    if (directory.opaque && this.#reaches(directory.path)) makeOpaque(this.#fs, fd);
    // The root has been made by somebody else.
    const made = directory === this.#directories.root ? undefined : IMPLIED_MODE;
    applyMetadata(this.#fs, fd, metadata, made);
  }

  #metadataBelow(path: ByteString): EntryMetadata | undefined {
    const found = this.#shows(path) ? this.#lower.get(path) : undefined;
    if (found === undefined) return undefined;
    const fd = this.#lower.descriptor(found.layer, path);
    const attributes = new Map<ByteString, ByteString>();
    for (const name of this.#fs.listAttributes(fd)) {
      const value = isPortableAttribute(name) ? this.#fs.getAttribute(fd, name) : undefined;
      if (value !== undefined) attributes.set(name, value);
    }
    return { ...found.status, attributes: attributes.size > 0 ? attributes : undefined };
  }

  /** The directory of the layer with this path, which no symlink is on; it and those it is in are made if they are missing. */
  #ensure(path: ByteString): LayerDirectory {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const [directory, name] = splitPath(path);
    const parent = this.#ensure(directory);
    this.#checkDirectoryBelow(path);
    if (!this.#fs.makeDirectory(this.#directories.descriptor(parent), name, IMPLIED_MODE)) {
      throw notDirectory(path);
    }
    return this.#directories.add(parent, name);
  }

  #checkDirectoryBelow(path: ByteString): void {
    const found = this.#shows(path) ? this.#lower.get(path) : undefined;
    if (found !== undefined && found.status.type !== "directory") throw notDirectory(path);
  }

  /** Follows the symlinks of this layer and of those below, as if they were one tree. */
  #resolve(path: ByteString): ByteString {
    let at: ByteString = "";
    let symlinks = 0;
    const todo = path.split("/").reverse();
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        at = splitPath(at)[0];
        continue;
      }
      const next = joinPath(at, name);
      const target = this.#symlinkAt(next);
      if (target === undefined) {
        at = next;
        continue;
      }
      if (++symlinks > MAX_SYMLINKS) {
        throw new Error(`Cannot follow ${displayName(path)}: too many symlinks`);
      }
      if (target.startsWith("/")) at = "";
      todo.push(...target.split("/").reverse());
    }
    return at;
  }

  /** The target if there is a symlink, of this layer or shining through. The layer's implied directories are transparent. */
  #symlinkAt(path: ByteString): ByteString | undefined {
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
    const found = this.#shows(path) ? this.#lower.get(path) : undefined;
    if (found?.status.type !== "symlink") return undefined;
    const { parent: fd, name: link } = this.#lower.locate(found.layer, path);
    return this.#fs.readLink(fd, link);
  }

  #exists(parent: LayerDirectory, name: ByteString): boolean {
    return this.#fs.statusAt(this.#directories.descriptor(parent), name) !== undefined;
  }

  /** True if the layers below have this, and this layer does not hide it. */
  #shows(path: ByteString): boolean {
    return !this.#whiteouts.has(path) && this.#reaches(path);
  }

  /** True if the layers below have this, and this layer does not hide what it is in. */
  #reaches(path: ByteString): boolean {
    if (this.#lower.get(path) === undefined) return false;
    for (let [at] = splitPath(path); at !== ""; [at] = splitPath(at)) {
      if (this.#whiteouts.has(at) || this.#opaques.has(at) || this.#replaces(at)) return false;
    }
    return true;
  }

  /**
   * True if the layer has something there that is no directory. Where that takes the place of a directory umoci writes whiteouts of what
   * was in the directory, too.
   */
  #replaces(path: ByteString): boolean {
    if (this.#directories.get(path) !== undefined) return false;
    const [directory, name] = splitPath(path);
    const parent = this.#directories.get(directory);
    return parent !== undefined && this.#exists(parent, name);
  }
}

function notDirectory(path: ByteString): Error {
  return new Error(`Cannot put anything into ${displayName(path)}: it is not a directory`);
}
