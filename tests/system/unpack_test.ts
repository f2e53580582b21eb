/** What images with difficult layers come to in the kernel's hands: real files in a tmpfs, under a real overlay. */
import assert from "node:assert/strict";
import { LAYER_CASES } from "../image/layer_cases.ts";
import { LayerPlace, namesIn } from "../support/layer_place.ts";
import { COMPRESSIONS, MemoryImage } from "../support/memory_image.ts";

/** The messages of an error and its causes. */
function messages(error: unknown): string {
  return error instanceof Error ? `${error.message}: ${messages(error.cause)}` : "";
}

// What the archives say counts, not this.
Deno.umask(0o077);

for (const { name, layers, expected } of LAYER_CASES) {
  for (const compression of COMPRESSIONS) {
    Deno.test(`${name} (${compression})`, async () => {
      await using place = await LayerPlace.make();
      const image = new MemoryImage(layers, { compression });
      if (expected instanceof RegExp) {
        await assert.rejects(place.pull(image), (error) => expected.test(messages(error)));
        // Layers below the bad one may have been committed.
        assert.ok(namesIn(place.store.layersDirectory).length < layers.length);
      } else {
        const found = await place.describe(await place.pull(image));
        if (!("/" in expected)) delete found["/"];
        assert.deepEqual(found, expected);
        Deno.removeSync(`${place.store.layersDirectory}/empty`);
      }
      await place.checkSurroundings();
    });
  }
}
