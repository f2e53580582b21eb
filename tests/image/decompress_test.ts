import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { byteStringOf } from "../../ffi/byte_string_of.ts";
import { DecodeWorkers, decompress } from "../../src/image/decompress.ts";
import { sha256 } from "../support/memory_image.ts";
import { concat } from "../support/tar_writer.ts";

const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
const PLAIN = "application/vnd.oci.image.layer.v1.tar";

const encode = (text: string) => new TextEncoder().encode(text);
const [one, two] = [encode("one ".repeat(100_000)), encode("two ".repeat(100_000))];
const [gzipOne, gzipTwo] = [gzipSync(one), gzipSync(two)];
const [zstdOne, zstdTwo] = [zstdCompressSync(one), zstdCompressSync(two)];
const skippable = new Uint8Array([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

/** Noise, so that it stays large when it is compressed. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65536, length)));
  }
  return bytes;
}

/** A stream of chunks of a size, of bytes or of values. */
function streamOf(
  bytes: Uint8Array,
  chunk: number,
  type: "bytes" | "default",
): ReadableStream<Uint8Array> {
  let at = 0;
  if (type === "default") {
    return new ReadableStream({
      pull(controller) {
        if (at < bytes.length) controller.enqueue(bytes.slice(at, at += chunk));
        if (at >= bytes.length) controller.close();
      },
    });
  }
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const request = controller.byobRequest!;
      const view = request.view as Uint8Array;
      const part = bytes.subarray(at, at + Math.min(chunk, view.length));
      view.set(part);
      at += part.length;
      if (part.length === 0) controller.close();
      request.respond(part.length);
    },
  });
}

interface Options {
  readonly mediaType?: string;
  readonly chunk?: number;
  readonly type?: "bytes" | "default";
  /** What the manifest says; a large one is decompressed on another thread. */
  readonly size?: number;
  readonly onData?: (bytes: Uint8Array) => void;
}

const LARGE = 1 << 30;

async function run(
  bytes: Uint8Array,
  { mediaType = GZIP, chunk = 65536, type = "bytes", size = 0, onData }: Options = {},
): Promise<Uint8Array> {
  using workers = new DecodeWorkers();
  const parts: Uint8Array[] = [];
  const digest = await decompress(streamOf(bytes, chunk, type), {
    mediaType,
    size,
    workers,
    onData: onData ?? ((bytes) => parts.push(bytes.slice())),
  });
  const whole = concat(...parts);
  if (onData === undefined) assert.equal(digest, sha256(whole));
  return whole;
}

/** On this thread, and on another one. */
const PLACES = [["on this thread", 0], ["on another thread", LARGE]] as const;

const accepted: readonly (readonly [string, string, Uint8Array, Uint8Array])[] = [
  ["gzip", GZIP, gzipOne, one],
  ["docker's media type", "application/vnd.docker.image.rootfs.diff.tar.gzip", gzipOne, one],
  ["several members of gzip", GZIP, concat(gzipOne, gzipTwo, gzipSync("")), concat(one, two)],
  ["gzip padded with zeros", GZIP, concat(gzipOne, new Uint8Array(100_000)), one],
  ["gzip of nothing", GZIP, gzipSync(""), new Uint8Array(0)],
  ["zstd", ZSTD, zstdOne, one],
  ["several frames of zstd", ZSTD, concat(zstdOne, zstdTwo), concat(one, two)],
  [
    "skippable frames of zstd",
    ZSTD,
    concat(skippable, zstdOne, skippable, skippable, zstdTwo, skippable),
    concat(one, two),
  ],
  ["nothing compressed", PLAIN, one, one],
  ["nothing at all", PLAIN, new Uint8Array(0), new Uint8Array(0)],
];

for (const [place, size] of PLACES) {
  for (const [name, mediaType, bytes, expected] of accepted) {
    Deno.test(`${name} is decompressed ${place}`, async () => {
      for (const type of ["bytes", "default"] as const) {
        for (const chunk of [bytes.length < 2000 ? 1 : 101, 65536, LARGE]) {
          const result = await run(bytes, { mediaType, size, type, chunk });
          assert.ok(result.length === expected.length && sha256(result) === sha256(expected));
        }
      }
    });
  }

  Deno.test(`what is larger than all buffers arrives whole ${place}`, async () => {
    const data = concat(noise(5 << 20), new Uint8Array(20 << 20), noise(100));
    for (
      const [bytes, mediaType] of [[gzipSync(data), GZIP], [zstdCompressSync(data), ZSTD]] as const
    ) {
      const result = await run(bytes, { mediaType, size, chunk: 300_000 });
      assert.equal(sha256(result), sha256(data));
    }
  });
}

function damaged(bytes: Uint8Array, at: number): Uint8Array {
  // A Buffer's slice() is no copy.
  const copy = Uint8Array.from(bytes);
  copy[copy.length + at]! ^= 1;
  return copy;
}

const refused: readonly (readonly [string, string, Uint8Array, RegExp])[] = [
  ["gzip cut short in its data", GZIP, gzipOne.slice(0, -20), /unexpected end/],
  ["gzip cut short in its trailer", GZIP, gzipOne.slice(0, -1), /unexpected end/],
  ["gzip cut short in its header", GZIP, gzipOne.slice(0, 5), /unexpected end/],
  [
    "gzip with a second member cut short",
    GZIP,
    concat(gzipOne, gzipTwo.slice(0, -1)),
    /unexpected end/,
  ],
  ["gzip with a wrong checksum", GZIP, damaged(gzipOne, -8), /incorrect data check/],
  ["gzip with a wrong length", GZIP, damaged(gzipOne, -4), /incorrect/],
  ["gzip with damaged data", GZIP, damaged(gzipSync(noise(1000)), -100), /./],
  ["gzip followed by garbage", GZIP, concat(gzipOne, encode("garbage")), /header check|garbage/],
  [
    "gzip followed by zeros and garbage",
    GZIP,
    concat(gzipOne, new Uint8Array(9), encode("x")),
    /garbage/,
  ],
  [
    "gzip followed by zeros and a member",
    GZIP,
    concat(gzipOne, new Uint8Array(9), gzipTwo),
    /garbage/,
  ],
  ["zstd cut short in its data", ZSTD, zstdOne.slice(0, -10), /unexpected end/],
  ["zstd cut short by a byte", ZSTD, zstdOne.slice(0, -1), /unexpected end/],
  [
    "zstd with a second frame cut short",
    ZSTD,
    concat(zstdOne, zstdTwo.slice(0, 3)),
    /unexpected end/,
  ],
  [
    "zstd with a skippable frame cut short",
    ZSTD,
    concat(zstdOne, skippable.slice(0, -1)),
    /unexpected end/,
  ],
  ["zstd followed by garbage", ZSTD, concat(zstdOne, encode("garbage")), /garbage|Unknown frame/],
  ["zstd followed by zeros", ZSTD, concat(zstdOne, new Uint8Array(9)), /garbage|Unknown frame/],
  ["zstd with a damaged header", ZSTD, damaged(zstdOne, 4 - zstdOne.length), /./],
  ["gzip that is said to be zstd", ZSTD, gzipOne, /is gzip, but its media type says zstd/],
  [
    "gzip that is said to be plain",
    PLAIN,
    gzipOne,
    /is gzip, but its media type says an uncompressed/,
  ],
  [
    "plain data that is said to be gzip",
    GZIP,
    one,
    /is an uncompressed archive, but its media type says gzip/,
  ],
];

for (const [place, size] of PLACES) {
  for (const [name, mediaType, bytes, expected] of refused) {
    Deno.test(`${name} is refused ${place}`, async () => {
      for (const chunk of [7, LARGE]) {
        await assert.rejects(run(bytes, { mediaType, size, chunk }), expected);
      }
    });
  }

  Deno.test(`an error of who takes the data ends it at once ${place}`, async () => {
    const endless = gzipSync(new Uint8Array(1 << 20));
    let cancelled: unknown;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(endless),
      cancel: (reason) => cancelled = reason,
    });
    using workers = new DecodeWorkers();
    const error = new Error("enough");
    let taken = 0;
    const onData = () => {
      if (++taken === 3) throw error;
    };
    await assert.rejects(
      decompress(source, { mediaType: GZIP, size, workers, onData }),
      (thrown) => thrown === error,
    );
    assert.equal(cancelled, error);
    assert.equal(taken, 3);
  });

  Deno.test(`an error of the source is handed on ${place}`, async () => {
    const error = new Error("connection lost");
    let chunks = 0;
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (chunks++ < 3) controller.enqueue(gzipOne);
        else controller.error(error);
      },
    });
    using workers = new DecodeWorkers();
    await assert.rejects(
      decompress(source, { mediaType: GZIP, size, workers, onData: () => {} }),
      (thrown) => thrown === error,
    );
  });
}

Deno.test("an abort does not wait for a source that has nothing to say", async () => {
  for (const size of [0, LARGE]) {
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("enough");
    let cancelled: unknown;
    const source = new ReadableStream<Uint8Array>({
      start: (stream) => stream.enqueue(gzipOne),
      pull: () => controller.abort(reason),
      cancel: (reason) => void (cancelled = reason),
    });
    using workers = new DecodeWorkers();
    const options = { mediaType: GZIP, size, workers, onData: () => {}, signal };
    await assert.rejects(decompress(source, options), (error) => error === reason);
    assert.equal(cancelled, reason);
    const another = new ReadableStream<Uint8Array>();
    await assert.rejects(decompress(another, options), (error) => error === reason);
  }
});

Deno.test("an error on the other thread does not wait for a source that has nothing to say", async () => {
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(concat(gzipOne, encode("garbage"))),
  });
  using workers = new DecodeWorkers();
  await assert.rejects(
    decompress(source, { mediaType: GZIP, size: LARGE, workers, onData: () => {} }),
    /header check|garbage/,
  );
});

Deno.test("a bomb is decompressed no faster than its data is taken", async () => {
  // 64 MiB that fit one packet: on the other thread they have to wait, in memory that does not grow.
  const bomb = gzipSync(new Uint8Array(64 << 20));
  let taken = 0;
  const limit = new Error("too much");
  const onData = (bytes: Uint8Array) => {
    taken += bytes.length;
    if (taken > 1 << 20) throw limit;
  };
  for (const size of [0, LARGE]) {
    taken = 0;
    await assert.rejects(run(bomb, { size, onData, chunk: LARGE }), (thrown) => thrown === limit);
    assert.ok(taken <= 2 << 20);
  }
});

Deno.test("threads serve one layer after the other, and several at a time", async () => {
  using workers = new DecodeWorkers();
  const layer = async (bytes: Uint8Array, expected: Uint8Array) => {
    let text = "";
    const onData = (bytes: Uint8Array) => text += byteStringOf(bytes);
    await decompress(streamOf(bytes, 1000, "bytes"), {
      mediaType: GZIP,
      size: LARGE,
      workers,
      onData,
    });
    assert.ok(text === byteStringOf(expected));
  };
  for (let round = 0; round < 3; round++) {
    await Promise.all([layer(gzipOne, one), layer(gzipTwo, two), layer(gzipOne, one)]);
  }
  const again = workers.acquire();
  workers.release(again);
  assert.equal(workers.acquire(), again);
});
