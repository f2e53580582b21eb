import assert from "node:assert/strict";
import { type ChainId, chainIds } from "../../src/image/chain_id.ts";
import { LayerStore } from "../../src/image/layer_store.ts";
import { parseDigest } from "../../src/registry/digest.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

function chainId(letter: string): ChainId {
  return chainIds([parseDigest(`sha256:${letter.repeat(64)}`)])[0]!;
}

function names(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

/** Puts a layer with one file into a store. */
function addLayer(store: LayerStore, id: ChainId, contents = "x"): void {
  const staged = store.stage();
  Deno.writeTextFileSync(`${staged.path}/file`, contents);
  staged.commit(id);
}

Deno.test("a layer is there when it is committed, and not before", () => {
  using directory = new TemporaryDirectory();
  const store = LayerStore.open(directory.path);
  const [a, b] = [chainId("a"), chainId("b")];
  const staged = store.stage();
  Deno.writeTextFileSync(`${staged.path}/file`, "x");
  assert.equal(store.has(a), false);
  assert.deepEqual(names(store.layersDirectory), []);
  staged.commit(a);
  assert.equal(store.has(a), true);
  assert.equal(store.has(b), false);
  assert.equal(Deno.readTextFileSync(`${store.path(a)}/file`), "x");
  assert.equal(store.path(a), `${store.layersDirectory}/${store.name(a)}`);
  assert.deepEqual(names(`${directory.path}/staging`), []);
});

Deno.test("names are short enough for 127 layers in one page, and differ", () => {
  using directory = new TemporaryDirectory();
  const store = LayerStore.open(directory.path);
  assert.equal(store.name(chainId("0")), "a".repeat(26));
  assert.equal(store.name(chainId("f")), "7".repeat(26));
  // 0xaaaa... is 10101 01010 ..., which is 21 10 ...
  assert.equal(store.name(chainId("a")), "vk".repeat(13));
  assert.ok(127 * 27 + "lowerdir=".length < 4096 - 256);
});

Deno.test("only root may look into a store, as set-id programs of images are in it", () => {
  using directory = new TemporaryDirectory();
  LayerStore.open(directory.path);
  for (const name of ["layers", "staging", "trash"]) {
    assert.equal(Deno.statSync(`${directory.path}/${name}`).mode! & 0o777, 0o700);
  }
});

Deno.test("of two who commit the same layer the first one wins, and nothing is left of the other", async () => {
  using directory = new TemporaryDirectory();
  const store = LayerStore.open(directory.path);
  addLayer(store, chainId("a"), "first");
  addLayer(store, chainId("a"), "second");
  assert.equal(Deno.readTextFileSync(`${store.path(chainId("a"))}/file`), "first");
  await store.deleted();
  assert.deepEqual(names(`${directory.path}/staging`), []);
  assert.deepEqual(names(`${directory.path}/trash`), []);
});

Deno.test("what is discarded is gone", async () => {
  using directory = new TemporaryDirectory();
  const store = LayerStore.open(directory.path);
  const staged = store.stage();
  Deno.writeTextFileSync(`${staged.path}/file`, "x");
  staged.discard();
  await store.deleted();
  assert.deepEqual(names(`${directory.path}/staging`), []);
  assert.deepEqual(names(`${directory.path}/trash`), []);
});

Deno.test("a sweep removes the layers that nobody keeps, and nothing else", async () => {
  using directory = new TemporaryDirectory();
  const store = LayerStore.open(directory.path);
  for (const letter of "abc") addLayer(store, chainId(letter));
  Deno.mkdirSync(`${store.layersDirectory}/empty`);
  const staged = store.stage();
  store.sweep(new Set([chainId("b"), chainId("d")]));
  assert.deepEqual(names(store.layersDirectory), [store.name(chainId("b")), "empty"].sort());
  assert.ok(Deno.statSync(staged.path).isDirectory, "what is being pulled stays");
  staged.discard();
  await store.deleted();
  assert.deepEqual(names(`${directory.path}/trash`), []);
});

Deno.test("layers can be removed by name, those that are not there too", async () => {
  using directory = new TemporaryDirectory();
  const store = LayerStore.open(directory.path);
  addLayer(store, chainId("a"));
  store.remove([store.name(chainId("a")), store.name(chainId("b"))]);
  assert.equal(store.has(chainId("a")), false);
  await store.deleted();
});

Deno.test("who opens a store removes what ended processes left, and lets living ones be", async () => {
  using directory = new TemporaryDirectory();
  const first = LayerStore.open(directory.path);
  addLayer(first, chainId("a"));
  const mine = first.stage();
  for (const name of ["left", "over"]) {
    Deno.mkdirSync(`${directory.path}/staging/${name}/sub`, { recursive: true });
  }
  Deno.mkdirSync(`${directory.path}/trash/half/deleted`, { recursive: true });
  const second = LayerStore.open(directory.path);
  assert.deepEqual(names(`${directory.path}/staging`), [mine.path.split("/").at(-1)]);
  assert.ok(second.has(chainId("a")));
  await second.deleted();
  assert.deepEqual(names(`${directory.path}/trash`), []);
  mine.discard();
  await first.deleted();
});
