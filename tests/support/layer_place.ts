import assert from "node:assert/strict";
import { byteStringOf } from "../../ffi/byte_string_of.ts";
import { LayerStore } from "../../src/image/layer_store.ts";
import { type PulledImage, pullImage, type PullImageOptions } from "../../src/image/pull_image.ts";
import { mountOverlay } from "../../src/image/root_fs.ts";
import type { TarEntry } from "../../src/image/tar_entry.ts";
import { TarReader } from "../../src/image/tar_reader.ts";
import { describeFile } from "../image/layer_cases.ts";
import { runCommand } from "./command.ts";
import type { MemoryImage } from "./memory_image.ts";
import { TemporaryTmpfs } from "./temporary_tmpfs.ts";

/** A layer store in a tmpfs of its own. */
export class LayerPlace implements AsyncDisposable {
  readonly #tmpfs: TemporaryTmpfs;
  readonly store: LayerStore;

  private constructor(tmpfs: TemporaryTmpfs) {
    this.#tmpfs = tmpfs;
    Deno.mkdirSync(`${tmpfs.path}/store`);
    Deno.mkdirSync(`${tmpfs.path}/root`);
    this.store = LayerStore.open(`${tmpfs.path}/store`);
  }

  /** @param options of the tmpfs, as mount(8) takes them */
  static async make(options?: string): Promise<LayerPlace> {
    const tmpfs = await TemporaryTmpfs.mount();
    if (options !== undefined) await runCommand(["mount", "-o", `remount,${options}`, tmpfs.path]);
    return new LayerPlace(tmpfs);
  }

  /** Pulls an image into the store. */
  pull(image: MemoryImage, options: Partial<PullImageOptions> = {}): Promise<PulledImage> {
    const { reference } = image;
    return pullImage({ registry: image, reference, store: this.store, ...options });
  }

  /** Mounts an image, and describes its root file system. */
  async describe({ layers }: PulledImage): Promise<Record<string, string>> {
    const target = `${this.#tmpfs.path}/root`;
    mountOverlay({
      layersDirectory: this.store.layersDirectory,
      layers: layers.map((chainId) => this.store.name(chainId)),
      target,
      source: "frontloader-test",
    });
    try {
      return await describeDirectory(target);
    } finally {
      await runCommand(["umount", target]);
    }
  }

  /** Makes sure that nothing is where nothing should be: beside the layers, or in the machine's root. */
  async checkSurroundings(): Promise<void> {
    await this.store.deleted();
    assert.deepEqual(namesIn(this.#tmpfs.path), ["root", "store"]);
    assert.deepEqual(namesIn(`${this.#tmpfs.path}/root`), []);
    assert.deepEqual(namesIn(this.store.directory), ["layers", "staging", "trash"]);
    assert.deepEqual(namesIn(`${this.store.directory}/staging`), []);
    assert.deepEqual(namesIn(`${this.store.directory}/trash`), []);
    for (const path of ["/outside", "/root-up", "/absolute", "/tmp/frontloader-escape"]) {
      assert.throws(() => Deno.lstatSync(path), Deno.errors.NotFound);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.deleted();
    await this.#tmpfs[Symbol.asyncDispose]();
  }
}

/** The names in a directory, sorted. */
export function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

/** What GNU tar finds in a directory. */
async function describeDirectory(path: string): Promise<Record<string, string>> {
  const archive = await runCommand([
    ..."tar --create --format=posix --numeric-owner --xattrs --xattrs-include=*".split(" "),
    `--directory=${path}`,
    ".",
  ]);
  const files: { entry: TarEntry; contents: string; names: string[] }[] = [];
  const reader = new TarReader({
    entry: (entry) => {
      const name = entry.path.replace(/^\.\/?/, "").replace(/\/$/, "") || "/";
      if (entry.type !== "link") files.push({ entry, contents: "", names: [name] });
      else {
        const target = entry.target.replace(/^\.\//, "");
        files.find(({ names }) => names.includes(target))!.names.push(name);
      }
    },
    data: (bytes) => files.at(-1)!.contents += byteStringOf(bytes),
    entryEnd: () => {},
  });
  reader.push(archive);
  reader.end();
  return Object.fromEntries(files.flatMap(({ entry, contents, names }) => {
    const attributes = [...entry.attributes ?? []];
    const description = describeFile({ ...entry, contents, attributes, links: names.length });
    return names.map((name) => [name, description]);
  }));
}
