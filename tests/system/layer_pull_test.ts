/** Pulls into a real tmpfs: when it is full, when several go on at a time, when their process is killed. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { LayerStore } from "../../src/image/layer_store.ts";
import { runCommand } from "../support/command.ts";
import { LayerPlace, namesIn } from "../support/layer_place.ts";
import { MemoryImage } from "../support/memory_image.ts";
import { tar } from "../support/tar_writer.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

function messages(error: unknown): string {
  return error instanceof Error ? `${error.message}: ${messages(error.cause)}` : "";
}

/** A layer with so many files, each in a directory of its own. */
function manyFiles(count: number): Uint8Array<ArrayBuffer> {
  return tar(...Array.from({ length: count }, (_, i) => ({ path: `d${i}/f`, data: `${i}` })));
}

for (
  const [what, options, archive] of [
    ["bytes", "size=1m", tar({ path: "large", data: "x".repeat(2 << 20) })],
    ["inodes", "nr_inodes=100", manyFiles(200)],
  ] as const
) {
  Deno.test(`a store without enough ${what} is an error that says so, and nothing is left`, async () => {
    await using place = await LayerPlace.make(options);
    const small = new MemoryImage([tar({ path: "small" })]);
    await place.pull(small);
    await assert.rejects(
      place.pull(new MemoryImage([tar({ path: "small" }), archive])),
      (error) => /Cannot pull layer 2 of 2 .*the layer store is full.*ENOSPC/.test(messages(error)),
    );
    await place.checkSurroundings();
    assert.equal(namesIn(place.store.layersDirectory).length, 1);
    // What was taken is free again.
    await place.pull(new MemoryImage([tar({ path: "small" }), tar({ path: "another" })]));
  });
}

Deno.test("127 layers make one root file system", async () => {
  await using place = await LayerPlace.make();
  const archives = Array.from(
    { length: 127 },
    (_, i) => tar({ path: `shared/f${i}`, data: `${i}` }),
  );
  const found = await place.describe(await place.pull(new MemoryImage(archives)));
  for (let i = 0; i < 127; i++) assert.equal(found[`shared/f${i}`], `file 644 "${i}"`);
});

Deno.test("several pulls of images that share layers may go on at a time", async () => {
  await using place = await LayerPlace.make();
  const shared = Array.from({ length: 5 }, (_, i) => manyFiles(20 + i));
  const images = Array.from(
    { length: 4 },
    (_, i) => new MemoryImage([...shared, tar({ path: "own", data: `${i}` })]),
  );
  const pulled = await Promise.all(images.map((image) => place.pull(image)));
  for (const [i, image] of pulled.entries()) {
    const found = await place.describe(image);
    assert.equal(found["own"], `file 644 "${i}"`);
    assert.equal(found["d23/f"], 'file 644 "23"');
  }
  Deno.removeSync(`${place.store.layersDirectory}/empty`);
  assert.equal(namesIn(place.store.layersDirectory).length, 9);
  await place.checkSurroundings();
});

Deno.test("a large layer goes through another thread and comes out the same", async () => {
  await using place = await LayerPlace.make();
  const noise = randomBytes(5 << 20).toString("latin1");
  const archive = tar({ path: "noise", data: noise }, {
    path: "zeros",
    data: "\0".repeat(9 << 20),
  });
  for (const compression of ["gzip", "zstd"] as const) {
    const found = await place.describe(
      await place.pull(new MemoryImage([archive], { compression })),
    );
    assert.ok(found["noise"] === `file 644 ${JSON.stringify(noise)}`);
    assert.equal(found["zeros"]!.length, "file 644 ".length + 2 + 6 * (9 << 20));
  }
});

for (
  const options of [
    "--format=gnu",
    ...["0.0", "0.1", "1.0"].map((v) => `--sparse-version=${v}`),
  ]
) {
  Deno.test(`GNU tar's sparse files are unpacked with their holes (${options})`, async () => {
    await using place = await LayerPlace.make();
    using directory = new TemporaryDirectory();
    const path = `${directory.path}/sparse`;
    const file = Deno.openSync(path, { write: true, create: true });
    file.truncateSync(50 << 20);
    // More parts than the header of the oldest format has room for, and than a block of the newest.
    for (let i = 0; i < 100; i++) {
      file.seekSync(i * 400_000 + 5, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(`part ${i}`));
    }
    file.close();
    const format = options.startsWith("--format") ? [] : ["--format=posix"];
    const command = [
      "tar",
      "--create",
      "--sparse",
      ...format,
      options,
      `--directory=${directory.path}`,
      "sparse",
    ];
    const archive = await runCommand(command);
    const { layers } = await place.pull(new MemoryImage([archive]));
    const unpacked = `${place.store.path(layers[0]!)}/sparse`;
    await runCommand(["cmp", path, unpacked]);
    assert.ok(Deno.statSync(unpacked).blocks! * 512 < 2 << 20, "it takes space for its holes");
  });
}

Deno.test("what a killed process was unpacking is removed by the next one that opens the store", async () => {
  await using place = await LayerPlace.make();
  const script = `
    import { LayerStore } from "${import.meta.resolve("../../src/image/layer_store.ts")}";
    const staged = LayerStore.open(Deno.args[0]).stage();
    Deno.writeTextFileSync(staged.path + "/file", "x");
    console.log(staged.path);
    setInterval(() => {}, 1000);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "-A",
      `data:text/javascript,${encodeURIComponent(script)}`,
      place.store.directory,
    ],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const path = (await reader.read()).value!.trim();
  const open = LayerStore.open(place.store.directory);
  assert.ok(Deno.statSync(path).isDirectory, "its process is still there");
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  open.sweep(new Set());
  await open.deleted();
  await place.checkSurroundings();
});
