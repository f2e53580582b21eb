import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Descriptor } from "../../src/registry/descriptor.ts";
import { type Digest, parseDigest } from "../../src/registry/digest.ts";
import { parseReference } from "../../src/registry/reference.ts";
import type { ImageSource } from "../../src/image/pull_image.ts";

/** How the layers are compressed. */
export const COMPRESSIONS = ["none", "gzip", "zstd"] as const;

/** How a layer is compressed. */
export type Compression = typeof COMPRESSIONS[number];

/** What {@linkcode memoryImage} can be told. */
export interface MemoryImageOptions {
  readonly compression?: Compression;
  /** Changes of the configuration document. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** An image in memory, where a pull may get it from. Blobs can be replaced, to see what comes of it. */
export class MemoryImage implements ImageSource {
  readonly reference = parseReference("registry.example/image:latest");
  readonly blobs = new Map<Digest, Uint8Array>();
  /** Digests of the blobs that have been asked for. */
  readonly fetched: Digest[] = [];
  readonly layers: readonly Descriptor[];
  manifest: { mediaType: string; bytes: Uint8Array };
  /** Called with every blob that is opened; what it returns is streamed in its place. */
  intercept: (
    descriptor: Descriptor,
    stream: ReadableStream<Uint8Array>,
  ) => ReadableStream<Uint8Array> = (_, stream) => stream;

  /** @param archives the layers, bottom-up */
  constructor(
    archives: readonly Uint8Array[],
    { compression = "gzip", config = {} }: MemoryImageOptions = {},
  ) {
    const document = {
      os: "linux",
      architecture: Deno.build.arch === "x86_64" ? "amd64" : "arm64",
      config: { Cmd: ["/bin/sh"] },
      rootfs: { type: "layers", diff_ids: archives.map(sha256) },
      ...config,
    };
    const suffix = compression === "none" ? "" : `+${compression}`;
    this.layers = archives.map((archive) =>
      this.#add(`application/vnd.oci.image.layer.v1.tar${suffix}`, compress(archive, compression))
    );
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    this.manifest = {
      mediaType,
      bytes: json({
        schemaVersion: 2,
        mediaType,
        config: this.#add("application/vnd.oci.image.config.v1+json", json(document)),
        layers: this.layers,
      }),
    };
  }

  fetchManifest(): ReturnType<ImageSource["fetchManifest"]> {
    return Promise.resolve({ digest: sha256(this.manifest.bytes), ...this.manifest });
  }

  openBlob(
    _: unknown,
    descriptor: Descriptor,
    { onBytes }: Parameters<ImageSource["openBlob"]>[2],
  ): ReadableStream<Uint8Array> {
    this.fetched.push(descriptor.digest);
    const bytes = this.blobs.get(descriptor.digest)!;
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        // Not in one piece, and not in whole blocks either.
        const chunk = bytes.slice(at, at += 10_007);
        onBytes?.(chunk.length);
        if (chunk.length > 0) controller.enqueue(chunk);
        if (at >= bytes.length) controller.close();
      },
    });
    return this.intercept(descriptor, stream);
  }

  #add(mediaType: string, bytes: Uint8Array): Descriptor {
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }
}

/** Compresses. */
export function compress(bytes: Uint8Array, compression: Compression): Uint8Array {
  switch (compression) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes, { level: 1 });
    case "zstd":
      return zstdCompressSync(bytes);
  }
}

/** The digest of bytes. */
export function sha256(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
