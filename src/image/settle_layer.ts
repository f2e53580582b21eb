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
import { type Hidden, MergedTree } from "./merged_tree.ts";
import { resolvePath } from "./resolve_path.ts";
import { removeTree, type UnpackedLayer } from "./unpack_layer.ts";
import { makeOpaque, makeWhiteout } from "./whiteout.ts";

/** A directory of which nobody says anything. Its time is the same whenever the image is unpacked. */
const IMPLIED: EntryMetadata = {
  mode: IMPLIED_MODE,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  attributes: undefined,
};

/**
 * What a directory is called, in the root, while what it has in it is moved. No layer has this name: it would
 * be a whiteout.
 */
const MOVING = ".wh..wh.moving";

/**
 * Completes a layer that has been unpacked by itself, so that an overlay of all layers looks as if they had
 * been unpacked one over the other:
 *
 * - What the layer has in a directory that it only implies belongs behind the symlink that the layers below
 *   may have there, `lib/x` to `usr/lib/x` where `lib -> usr/lib`.
 * - Whiteouts are made where there is something to hide. An idle one must not be left behind: in a directory
 *   that only one layer has overlayfs does not look for whiteouts, and would list it.
 * - Hard links to files of lower layers are made. The layers are in one file system, so the link is a real
 *   one.
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
  readonly #hidden: Hidden;
  readonly #tree: MergedTree;

  constructor(fs: FileSystem, layer: UnpackedLayer, lower: LowerLayers) {
    this.#fs = fs;
    this.#directories = layer.directories;
    this.#lower = lower;
    this.#hidden = hiddenBy(layer, lower);
    this.#tree = new MergedTree(fs, layer.directories, { lower, hidden: this.#hidden });
  }

  run(): void {
    const { whiteouts, opaques } = this.#hidden;
    this.#moveBehindSymlinks();
    for (const path of whiteouts) this.#makeWhiteout(path);
    for (const path of opaques) this.#makeOpaque(path);
    this.#makePendingLinks();
    for (const directory of this.#directories.all()) this.#complete(directory);
  }

  #moveBehindSymlinks(): void {
    const todo = [this.#directories.root];
    for (let directory = todo.pop(); directory !== undefined; directory = todo.pop()) {
      this.#directories.trim();
      const { path } = directory;
      const isImplied = directory.metadata === undefined && path !== "";
      if (isImplied && this.#tree.symlinkAt(path) !== undefined) {
        const target = this.#ensure(this.#tree.resolve(path));
        // It may be in the way of what it has in it itself.
        this.#move(directory, this.#directories.root, { name: MOVING });
        this.#merge(directory, target, todo);
      } else {
        if (isImplied) this.#checkDirectoryBelow(path);
        for (const child of directory.children.values()) todo.push(child);
      }
    }
  }

  /**
   * Moves everything in a directory of the layer into another one. Where both have something, that of `from`
   * stays: which entry came later is not known any more.
   *
   * @param moved gets the directories that have another path now
   */
  #merge(from: LayerDirectory, to: LayerDirectory, moved: LayerDirectory[]): void {
    for (const name of this.#fs.list(this.#directories.descriptor(from))) {
      const child = from.children.get(name);
      const existing = to.children.get(name);
      to.pendingLinks?.delete(name);
      if (child !== undefined && existing !== undefined) {
        existing.metadata = child.metadata ?? existing.metadata;
        this.#merge(child, existing, moved);
        continue;
      }
      if (child !== undefined || existing !== undefined) this.#remove(to, name);
      if (child !== undefined) {
        this.#move(child, to);
        moved.push(child);
        continue;
      }
      const source = this.#directories.descriptor(from);
      this.#fs.rename(source, name, this.#directories.descriptor(to), name);
    }
    if (from.pendingLinks !== undefined) {
      to.pendingLinks = new Map([...to.pendingLinks ?? [], ...from.pendingLinks]);
    }
    this.#fs.removeDirectory(this.#directories.descriptor(from.parent!), from.name);
    this.#directories.forget(from);
  }

  #move(directory: LayerDirectory, to: LayerDirectory, { name = directory.name } = {}): void {
    const source = this.#directories.descriptor(directory.parent!);
    this.#fs.rename(source, directory.name, this.#directories.descriptor(to), name);
    this.#directories.move(directory, to, name);
  }

  #remove(parent: LayerDirectory, name: ByteString): void {
    const directory = parent.children.get(name);
    if (directory !== undefined) {
      removeTree(this.#fs, this.#directories, directory);
      this.#directories.forget(directory);
    } else if (this.#tree.has(parent, name)) {
      this.#fs.removeFile(this.#directories.descriptor(parent), name);
    }
  }

  #makeWhiteout(path: ByteString): void {
    const [directory, name] = splitPath(path);
    const parent = this.#directories.get(directory);
    const survivor = parent?.children.get(name);
    // What the layer has itself stays, whichever entry came first; of a directory only what the layer itself
    // has in it.
    if (survivor !== undefined) survivor.opaque = true;
    else if (parent !== undefined && this.#tree.has(parent, name)) return;
    else if (this.#tree.hideable(path) !== undefined) {
      const fd = this.#directories.descriptor(this.#ensure(directory));
      makeWhiteout(this.#fs, fd, name);
    }
    this.#directories.trim();
  }

  #makeOpaque(path: ByteString): void {
    const isDirectory = this.#tree.below(path)?.status.type === "directory";
    if (isDirectory && !this.#tree.hasFile(path)) this.#ensure(path).opaque = true;
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
      const path = joinPath(this.#tree.resolve(targetDirectory), targetName);
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
    if (parent === undefined || !this.#tree.has(parent, fromName)) {
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
    if (directory.opaque && this.#tree.hideable(directory.path)) makeOpaque(this.#fs, fd);
    // The root has been made by somebody else.
    const made = directory === this.#directories.root ? undefined : IMPLIED_MODE;
    applyMetadata(this.#fs, fd, metadata, made);
  }

  #metadataBelow(path: ByteString): EntryMetadata | undefined {
    const found = this.#tree.below(path);
    if (found === undefined) return undefined;
    const fd = this.#lower.descriptor(found.layer, path);
    const attributes = new Map<ByteString, ByteString>();
    for (const name of this.#fs.listAttributes(fd)) {
      const value = isPortableAttribute(name) ? this.#fs.getAttribute(fd, name) : undefined;
      if (value !== undefined) attributes.set(name, value);
    }
    return { ...found.status, attributes: attributes.size > 0 ? attributes : undefined };
  }

  /**
   * The directory of the layer with this path, which no symlink is on; it and those it is in are made if they
   * are missing.
   */
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
    const found = this.#tree.below(path);
    if (found !== undefined && found.status.type !== "directory") throw notDirectory(path);
  }
}

/**
 * What a layer hides, behind the symlinks of the layers below. Those of its own are not followed: whiteouts
 * are of what the layers below have (OCI image-spec, layer.md#whiteouts), and where they have a directory
 * that the layer makes a symlink of, they may well be of what was in there.
 */
function hiddenBy(layer: Hidden, lower: LowerLayers): Hidden {
  const resolve = (path: ByteString) => resolvePath(path, (path) => lower.symlinkAt(path));
  const whiteouts = new Set<ByteString>();
  for (const path of layer.whiteouts) {
    const [directory, name] = splitPath(path);
    whiteouts.add(joinPath(resolve(directory), name));
  }
  const opaques = new Set<ByteString>();
  for (const path of layer.opaques) opaques.add(resolve(path));
  if (opaques.delete("")) {
    // overlayfs does not ask whether the root of a layer is opaque.
    for (const name of lower.names("")) whiteouts.add(name);
  }
  return { whiteouts, opaques };
}

function notDirectory(path: ByteString): Error {
  return new Error(`Cannot put anything into ${displayName(path)}: it is not a directory`);
}
