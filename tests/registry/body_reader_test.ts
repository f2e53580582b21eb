import assert from "node:assert/strict";
import { BodyReader } from "../../src/registry/body_reader.ts";
import { LinkedAbort } from "../../src/registry/linked_abort.ts";
import { RegistryError } from "../../src/registry/registry_error.ts";

const WHAT = {
  action: "fetch blob",
  method: "GET" as const,
  url: new URL("http://127.0.0.1/v2/a/blobs/b"),
};

/** A body that never comes to an end and knows of no signal, as fetch's does once its link to the signal is lost. */
function stalledBody() {
  const cancelled = Promise.withResolvers<unknown>();
  const stream = new ReadableStream<Uint8Array>({
    type: "bytes",
    cancel: (reason) => cancelled.resolve(reason),
  });
  return { stream, cancelled: cancelled.promise };
}

Deno.test("a body that stalls is cut off even if fetch does not know of it any more", async () => {
  const { stream, cancelled } = stalledBody();
  const abort = new LinkedAbort();
  const minimumRate = { bytes: 1_000, window: 20 };
  const reader = new BodyReader(WHAT, stream, { abort, minimumRate });
  await assert.rejects(reader.read(), (error: unknown) => {
    assert(error instanceof RegistryError && error.temporary);
    assert.match(error.message, /slower than 1000 bytes in 0\.02 s/);
    return true;
  });
  await cancelled;
});

Deno.test("a signal ends the reading of a body even if fetch does not know of it any more", async () => {
  const { stream, cancelled } = stalledBody();
  const controller = new AbortController();
  const abort = new LinkedAbort(controller.signal);
  const reader = new BodyReader(WHAT, stream, {
    abort,
    minimumRate: { bytes: 1, window: 60_000 },
  });
  const read = reader.read();
  controller.abort(new Error("called off"));
  await assert.rejects(read, /called off/);
  await cancelled;
});
