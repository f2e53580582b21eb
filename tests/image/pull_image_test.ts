import assert from "node:assert/strict";
import { chainIds } from "../../src/image/chain_id.ts";
import { LayerStore } from "../../src/image/layer_store.ts";
import { machinePlatform, type Platform } from "../../src/image/manifest.ts";
import {
  inspectImage,
  pullImage,
  type PullImageOptions,
  type PullProgress,
} from "../../src/image/pull_image.ts";
import type { Descriptor } from "../../src/registry/descriptor.ts";
import { type ImageReference, withDigest } from "../../src/registry/reference.ts";
import { MemoryImage, sha256 } from "../support/memory_image.ts";
import { tar } from "../support/tar_writer.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";
import { MemoryFileSystem } from "./memory_file_system.ts";

/** A layer with one file. */
function layer(name: string, contents = name): Uint8Array<ArrayBuffer> {
  return tar({ path: "./", type: "5" }, { path: name, data: contents });
}

/** A store in a temporary directory; what is unpacked is kept in memory. */
class Place implements Disposable {
  readonly #directory = new TemporaryDirectory();
  readonly store = LayerStore.open(this.#directory.path);
  readonly fs = new MemoryFileSystem();

  pull(image: MemoryImage, options: Partial<PullImageOptions> = {}) {
    const { store, fs } = this;
    return pullImage({ registry: image, reference: image.reference, store, fs, ...options });
  }

  names(name: "layers" | "staging" | "trash"): string[] {
    return [...Deno.readDirSync(`${this.store.directory}/${name}`)].map(({ name }) => name);
  }

  /** Makes sure that a pull that failed has left nothing. */
  checkClean(layers = 0): void {
    assert.equal(this.names("layers").length, layers);
    assert.deepEqual(this.names("staging"), []);
    assert.deepEqual(this.names("trash"), []);
    assert.equal(this.fs.openDescriptors, 0);
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

function messages(error: unknown): string {
  return error instanceof Error ? `${error.message}: ${messages(error.cause)}` : "";
}

Deno.test("a pulled image has its layers' ChainIDs, its configuration and the manifest's digest", async () => {
  using place = new Place();
  const archives = [layer("a"), layer("b"), layer("c")];
  const image = new MemoryImage(archives);
  const pulled = await place.pull(image);
  const ids = chainIds(archives.map(sha256));
  assert.deepEqual(pulled, {
    reference: image.reference,
    digest: sha256(image.manifest.bytes),
    layers: ids,
    config: { env: [], entrypoint: [], cmd: ["/bin/sh"], workingDir: "", user: "" },
  });
  assert.ok(ids.every((id) => place.store.has(id)));
  place.checkClean(3);
  // It comes out of the child process as a line of JSON.
  assert.deepEqual(JSON.parse(JSON.stringify(pulled)), pulled);
});

Deno.test("only the layers that are missing are fetched", async () => {
  using place = new Place();
  const [base, other] = [[layer("a"), layer("b")], layer("c")];
  await place.pull(new MemoryImage(base));
  const upgrade = new MemoryImage([...base, other]);
  await place.pull(upgrade);
  const [, config] = upgrade.fetched;
  assert.equal(upgrade.fetched.length, 2);
  assert.equal(config, upgrade.layers[2]!.digest);
  await place.pull(upgrade);
  assert.equal(upgrade.fetched.length, 3, "the configuration again");
  assert.equal(place.names("layers").length, 3);
});

Deno.test("a layer on other layers is another one", async () => {
  using place = new Place();
  await place.pull(new MemoryImage([layer("a"), layer("top")]));
  await place.pull(new MemoryImage([layer("b"), layer("top")]));
  assert.equal(place.names("layers").length, 4);
});

Deno.test("the image for this platform is taken out of an index, whose digest is the image's", async () => {
  using place = new Place();
  const image = new MemoryImage([layer("a")]);
  const { bytes, mediaType } = image.manifest;
  const riscv = { os: "linux", architecture: "riscv64" };
  const entry = (platform: Platform) => ({
    mediaType,
    digest: sha256(bytes),
    size: bytes.length,
    platform,
  });
  const index = new TextEncoder().encode(JSON.stringify({
    schemaVersion: 2,
    manifests: [entry(machinePlatform()), entry(riscv)],
  }));
  const asked: ImageReference[] = [];
  const registry: PullImageOptions["registry"] = {
    fetchManifest: (reference) => {
      asked.push(reference);
      return Promise.resolve(
        reference.digest === undefined
          ? {
            digest: sha256(index),
            mediaType: "application/vnd.oci.image.index.v1+json",
            bytes: index,
          }
          : { digest: sha256(bytes), mediaType, bytes },
      );
    },
    openBlob: (...args) => image.openBlob(...args),
  };
  const pulled = await place.pull(image, { registry });
  assert.equal(pulled.digest, sha256(index));
  assert.deepEqual(asked, [image.reference, withDigest(image.reference, sha256(bytes))]);
  const { mediaType: right } = image.manifest;
  const lies: typeof registry = {
    ...registry,
    fetchManifest: async (reference, options) => {
      const fetched = await registry.fetchManifest(reference, options);
      return reference.digest === undefined
        ? fetched
        : { ...fetched, mediaType: right.replace("oci.image", "docker.distribution") };
    },
  };
  await assert.rejects(
    place.pull(image, { registry: lies }),
    (error) => /the index says that it is/.test(messages(error)),
  );
  // The configuration of what the index calls riscv64 says something else.
  await assert.rejects(
    place.pull(image, { registry, platform: riscv }),
    (error) => /it is for linux\/(amd64|arm64), not for linux\/riscv64/.test(messages(error)),
  );
});

Deno.test("progress tells of every layer from its place in the queue to its end", async () => {
  using place = new Place();
  await place.pull(new MemoryImage([layer("a")]));
  const image = new MemoryImage([layer("a"), layer("b"), layer("c")]);
  const progress: PullProgress[] = [];
  await place.pull(image, { onProgress: (report) => progress.push(report) });
  const phases = [0, 1, 2].map((layer) =>
    progress.filter((report) => report.layer === layer).map(({ phase }) => phase)
  );
  assert.deepEqual(phases, [
    ["present"],
    ["waiting", "fetching", "unpacked", "done"],
    ["waiting", "fetching", "unpacked", "done"],
  ]);
  for (const { layer, layers, total, bytes, phase } of progress) {
    assert.equal(layers, 3);
    assert.equal(total, image.layers[layer]!.size);
    if (phase === "done" || phase === "unpacked") assert.equal(bytes, total);
    assert.ok(bytes <= total);
  }
});

Deno.test("a layer with another DiffID than the configuration says never becomes visible", async () => {
  using place = new Place();
  const diff_ids = [sha256(layer("a")), sha256(layer("other"))];
  const image = new MemoryImage([layer("a"), layer("b")], {
    config: { rootfs: { type: "layers", diff_ids } },
  });
  await assert.rejects(
    place.pull(image),
    (error) =>
      /^Cannot pull .*registry\.example\/image:latest: Cannot pull layer 2 of 2 \(sha256:.*\): its DiffID is sha256:/
        .test(messages(error)),
  );
  assert.equal(place.store.has(chainIds(diff_ids)[1]!), false);
  assert.deepEqual(place.names("staging"), []);
});

Deno.test("an archive that is cut short is refused even if its digests are right", async () => {
  using place = new Place();
  const image = new MemoryImage([layer("a", "x".repeat(1000)).slice(0, 1600)]);
  await assert.rejects(
    place.pull(image),
    (error) => /unexpected end of the archive/.test(messages(error)),
  );
  place.checkClean();
});

Deno.test("bytes behind the end of the archive count for the DiffID", async () => {
  using place = new Place();
  const archive = layer("a");
  const longer = new Uint8Array(archive.length + 5);
  longer.set(archive);
  await place.pull(new MemoryImage([longer]));
  assert.ok(place.store.has(chainIds([sha256(longer)])[0]!));
  const wrong = new MemoryImage([longer], {
    config: { rootfs: { type: "layers", diff_ids: [sha256(archive)] } },
  });
  await assert.rejects(place.pull(wrong));
});

Deno.test("a blob that turns out to be wrong at its end never becomes visible", async () => {
  using place = new Place();
  const image = new MemoryImage([layer("a")]);
  const wrong = new Error("its digest is another one");
  image.intercept = ({ digest }, stream) => {
    if (digest !== image.layers[0]!.digest) return stream;
    return stream.pipeThrough(
      new TransformStream({ flush: (controller) => controller.error(wrong) }),
    );
  };
  await assert.rejects(place.pull(image), (error) => messages(error).includes(wrong.message));
  place.checkClean();
});

Deno.test("one layer that fails ends the others, and what is below it stays", async () => {
  using place = new Place();
  const image = new MemoryImage([layer("a"), layer("b"), layer("c", "c".repeat(50_000))]);
  const [a, b, c] = image.layers as [Descriptor, Descriptor, Descriptor];
  let aborted: unknown;
  image.intercept = ({ digest }, stream) => {
    switch (digest) {
      case b.digest:
        return new ReadableStream({
          async pull(controller) {
            // Not before the one below is in the store, and the one above is under way.
            while (place.names("layers").length === 0) await new Promise((r) => setTimeout(r, 1));
            controller.error(new Error("connection lost"));
          },
        });
      case c.digest:
        return new ReadableStream({ cancel: (reason) => void (aborted = reason) });
      default:
        return stream;
    }
  };
  await assert.rejects(
    place.pull(image),
    (error) => /layer 2 of 3 .*connection lost/.test(messages(error)),
  );
  assert.ok(image.fetched.includes(a.digest));
  assert.match(messages(aborted), /connection lost/);
  place.checkClean(1);
});

Deno.test("a pull that is aborted leaves nothing, and fails with the reason", async () => {
  using place = new Place();
  const image = new MemoryImage([layer("a")]);
  const controller = new AbortController();
  const reason = new Error("no longer needed");
  let cancelled: unknown;
  image.intercept = (descriptor, stream) => {
    if (descriptor.digest !== image.layers[0]!.digest) return stream;
    return new ReadableStream({
      pull: () => controller.abort(reason),
      cancel: (reason) => void (cancelled = reason),
    });
  };
  await assert.rejects(
    place.pull(image, { signal: controller.signal }),
    (error) => error === reason,
  );
  assert.equal(cancelled, reason);
  place.checkClean();
  await assert.rejects(
    place.pull(image, { signal: controller.signal }),
    (error) => error === reason,
  );
});

Deno.test("a store that is full is said to be, with what was being unpacked and what can be done", async () => {
  using place = new Place();
  place.fs.space = 100;
  await assert.rejects(
    place.pull(new MemoryImage([layer("usr-large", "x".repeat(1000))])),
    (error) =>
      /layer 1 of 1 .*the layer store is full.*memory.*Cannot unpack "usr-large".*ENOSPC/.test(
        messages(error),
      ),
  );
  place.checkClean();
});

Deno.test("limits end the pull of a bomb", async () => {
  using place = new Place();
  const image = new MemoryImage([layer("zeros", "\0".repeat(100_000))]);
  const limits = { bytes: 50_000, entries: 10, remembered: 1000 };
  await assert.rejects(
    place.pull(image, { limits }),
    (error) => /more than 50000 bytes/.test(messages(error)),
  );
  place.checkClean();
});

Deno.test("a configuration that is too large is not fetched", async () => {
  using place = new Place();
  const image = new MemoryImage([layer("a")]);
  const manifest = JSON.parse(new TextDecoder().decode(image.manifest.bytes));
  manifest.config.size = 9 << 20;
  image.manifest = {
    ...image.manifest,
    bytes: new TextEncoder().encode(JSON.stringify(manifest)),
  };
  await assert.rejects(
    place.pull(image),
    (error) => /more than 8388608 bytes/.test(messages(error)),
  );
  assert.deepEqual(image.fetched, []);
});

Deno.test("an image may have the same layer twice", async () => {
  using place = new Place();
  const pulled = await place.pull(new MemoryImage([layer("a"), tar(), tar(), layer("a")]));
  assert.equal(new Set(pulled.layers).size, 4);
  place.checkClean(4);
});

Deno.test("an image that is looked at has its digest and configuration, and none of its layers is fetched", async () => {
  const archives = [layer("a"), layer("b")];
  const image = new MemoryImage(archives, { config: { config: { Labels: { commit: "abc" } } } });
  const { digest, layers, config } = await inspectImage({
    registry: image,
    reference: image.reference,
  });
  assert.equal(digest, sha256(image.manifest.bytes));
  assert.deepEqual(layers, chainIds(archives.map(sha256)));
  assert.deepEqual(config.labels, { commit: "abc" });
  assert.equal(image.fetched.length, 1, "the configuration");
  assert.ok(!image.layers.some((one) => image.fetched.includes(one.digest)));
});
