import assert from "node:assert/strict";
import { LowerLayers } from "../../src/image/lower_layers.ts";
import { settleLayer } from "../../src/image/settle_layer.ts";
import { TarReader } from "../../src/image/tar_reader.ts";
import { DEFAULT_LIMITS, UnpackBudget, type UnpackLimits } from "../../src/image/unpack_budget.ts";
import { LayerUnpacker } from "../../src/image/unpack_layer.ts";
import { tar, type TarItem } from "../support/tar_writer.ts";
import { LAYER_CASES } from "./layer_cases.ts";
import { describeOverlay } from "./memory_overlay.ts";
import { MemoryFile, MemoryFileSystem } from "./memory_file_system.ts";

/** Unpacks all layers, each by itself, then settles them, and closes what is open whatever happens. */
function unpack(
  fs: MemoryFileSystem,
  archives: readonly Uint8Array[],
  limits: Partial<UnpackLimits> = {},
): Record<string, string> {
  const budget = new UnpackBudget({ ...DEFAULT_LIMITS, ...limits });
  const paths = archives.map((_, index) => `/layers/${index}`);
  const layers = paths.map((path) => new LayerUnpacker(fs, fs.openRoot(path), budget));
  try {
    archives.forEach((archive, index) => {
      const reader = new TarReader(layers[index]!);
      reader.push(archive);
      reader.end();
      layers[index]!.directories.rest();
    });
    layers.forEach((layer, index) => {
      const lower = new LowerLayers(fs, paths.slice(0, index).reverse());
      try {
        settleLayer(fs, layer, lower);
      } finally {
        lower.close();
        layer.close();
      }
    });
  } finally {
    layers.forEach((layer) => layer.close());
  }
  return describeOverlay(paths.map((path) => fs.directory(path)));
}

/** What must not be touched: what the paths and links of the cases would reach if nothing held them back. */
function makeOutside(fs: MemoryFileSystem): MemoryFile {
  const outside = fs.directory("/outside");
  for (const name of ["passwd", "secret", "file"]) {
    outside.children.set(name, new MemoryFile("file", 0o600));
  }
  return outside;
}

/** The messages of an error and its causes. */
function messages(error: unknown): string {
  return error instanceof Error ? `${error.message}: ${messages(error.cause)}` : "";
}

for (const { name, layers, expected } of LAYER_CASES) {
  Deno.test(name, () => {
    const fs = new MemoryFileSystem();
    const outside = makeOutside(fs);
    const before = describeOverlay([outside]);
    if (expected instanceof RegExp) {
      assert.throws(() => unpack(fs, layers), (error) => expected.test(messages(error)));
    } else {
      const found = unpack(fs, layers);
      if (!("/" in expected)) delete found["/"];
      assert.deepEqual(found, expected);
    }
    assert.deepEqual(describeOverlay([outside]), before);
    const others = [...fs.directories.keys()].filter((path) => !path.startsWith("/layers/"));
    assert.deepEqual(others, ["/outside"]);
    assert.equal(fs.openDescriptors, 0, "descriptors are left open");
  });
}

Deno.test("an image that is a bomb ends in an error that says what there is too much of", () => {
  const rows: [string, Partial<UnpackLimits>, TarItem[], RegExp][] = [
    ["bytes", { bytes: 1000 }, [{ path: "f", data: "x".repeat(1001) }], /more than 1000 bytes/],
    [
      "entries",
      { entries: 2 },
      [{ path: "a" }, { path: "a" }, { path: "a" }],
      /more than 2 entries/,
    ],
    ["directories", { remembered: 100 }, [{ path: `${"d/".repeat(50)}f` }], /more than 100 bytes/],
    ["whiteouts", { remembered: 5 }, [{ path: ".wh.aa" }], /more than 5 bytes/],
    ["links", { remembered: 5 }, [{ path: "a", type: "1", target: "bbbbbb" }], /more than 5 bytes/],
    [
      "attributes of directories",
      { remembered: 50 },
      [{ path: "d", type: "5", pax: { "SCHILY.xattr.user.a": "x".repeat(50) } }],
      /more than 50 bytes/,
    ],
  ];
  for (const [name, limits, items, expected] of rows) {
    const fs = new MemoryFileSystem();
    assert.throws(
      () => unpack(fs, [tar(...items)], limits),
      (error) => expected.test(messages(error)),
      name,
    );
    assert.equal(fs.openDescriptors, 0);
  }
});

Deno.test("limits are for all layers of an image together", () => {
  const layer = tar({ path: "f", data: "x".repeat(600) });
  unpack(new MemoryFileSystem(), [layer], { bytes: 1000 });
  assert.throws(() => unpack(new MemoryFileSystem(), [layer, layer], { bytes: 1000 }));
});

Deno.test("a full file system is an error that names the file", () => {
  const fs = new MemoryFileSystem();
  fs.space = 10;
  assert.throws(
    () =>
      unpack(fs, [tar({ path: "small", data: "x" }, { path: "usr/large", data: "x".repeat(10) })]),
    (error) => /^Cannot unpack "usr\/large": .*ENOSPC/.test(messages(error)),
  );
  assert.equal(fs.openDescriptors, 0);
});

Deno.test("a layer with more directories than are kept open is unpacked all the same", () => {
  const names = Array.from({ length: 1000 }, (_, i) => `d${i}`);
  const fs = new MemoryFileSystem();
  const found = unpack(fs, [tar(
    ...names.map((name): TarItem => ({ path: `${name}/sub`, type: "5" })),
    ...names.map((name): TarItem => ({ path: `${name}/sub/f`, data: name })),
  )]);
  for (const name of names) assert.equal(found[`${name}/sub/f`], `file 644 "${name}"`);
  assert.ok(fs.peakDescriptors < 200);
});

Deno.test("many directories of many lower layers are looked at with few of them open", () => {
  const names = Array.from({ length: 100 }, (_, i) => `d${i}`);
  const lower = tar(...names.map((name): TarItem => ({ path: name, type: "5", mode: 0o700 })));
  const implied = tar(...names.map((name): TarItem => ({ path: `${name}/f` })));
  const fs = new MemoryFileSystem();
  const found = unpack(fs, [...Array.from({ length: 10 }, () => lower), implied]);
  for (const name of names) assert.equal(found[name], "directory 700");
  assert.ok(fs.peakDescriptors < 500);
});

Deno.test("an entry is told apart from what is implied even if it comes late", () => {
  const found = unpack(new MemoryFileSystem(), [
    tar({ path: "d", type: "5", mode: 0o700 }, { path: "e", type: "5", mode: 0o700 }),
    tar({ path: "d/x" }, { path: "d", type: "5", mode: 0o711 }, { path: "e/x" }),
  ]);
  assert.equal(found["d"], "directory 711");
  assert.equal(found["e"], "directory 700");
});
