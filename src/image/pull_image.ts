import type { Descriptor } from "../registry/descriptor.ts";
import type { Digest } from "../registry/digest.ts";
import { formatReference, type ImageReference, withDigest } from "../registry/reference.ts";
import { type ChainId, chainIds } from "./chain_id.ts";
import { type FileSystem, kernelFileSystem } from "./file_system.ts";
import { type ImageConfig, type ImageDocument, parseImageConfig } from "./image_config.ts";
import type { LayerStore } from "./layer_store.ts";
import {
  formatPlatform,
  type ImageManifest,
  machinePlatform,
  parseManifest,
  type Platform,
  selectPlatform,
} from "./manifest.ts";
import { type LayerPhase, pullLayers } from "./pull_layers.ts";
import { UnpackBudget, type UnpackLimits } from "./unpack_budget.ts";

/** Where images come from; a `RegistryClient` is one. */
export interface ImageSource {
  fetchManifest(
    ref: ImageReference,
    options: { readonly signal?: AbortSignal },
  ): Promise<{
    readonly digest: Digest;
    readonly mediaType: string;
    readonly bytes: Uint8Array;
  }>;
  /** The stream ends cleanly only after exactly the bytes that the descriptor describes. */
  openBlob(
    ref: ImageReference,
    descriptor: Descriptor,
    options: { readonly signal?: AbortSignal; readonly onBytes?: (bytes: number) => void },
  ): ReadableStream<Uint8Array>;
}

/** What {@linkcode inspectImage} is told. */
export interface InspectImageOptions {
  readonly registry: ImageSource;
  readonly reference: ImageReference;
  /** Default: this machine's. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

/** What {@linkcode pullImage} is told. */
export interface PullImageOptions extends InspectImageOptions {
  readonly store: LayerStore;
  readonly limits?: UnpackLimits;
  readonly fs?: FileSystem;
  /** Called at every change of a layer's phase, and some times a second in between. */
  readonly onProgress?: (progress: PullProgress) => void;
}

/** How one layer of an image fares. */
export interface PullProgress {
  /** Index of the layer, bottom-up from 0. */
  readonly layer: number;
  /** How many the image has. */
  readonly layers: number;
  readonly phase: LayerPhase;
  /** Bytes of it that have been fetched, as it is in the registry, */
  readonly bytes: number;
  /** of so many; a layer that is there already is not fetched. */
  readonly total: number;
}

/** An image all of whose layers are in the store. */
export interface PulledImage {
  readonly reference: ImageReference;
  /** Digest of what the reference names, which may be an index. */
  readonly digest: Digest;
  /** Bottom-up. */
  readonly layers: readonly ChainId[];
  readonly config: ImageConfig;
}

/** The configuration of an image is read as a whole; docker's own limit for it is about this too. */
const MAX_CONFIG = 8 << 20;

/** Milliseconds between two reports on a layer that is being fetched. */
const REPORT_INTERVAL = 50;

/**
 * Pulls an image: what of it is not in the store yet is fetched, verified and unpacked. Nothing of a layer is
 * visible in the store before all of it has been verified, against the registry's digest and against its
 * DiffID.
 *
 * This process' umask is 0 afterwards.
 *
 * @throws {Error} naming the reference, with what went wrong as its cause
 */
export async function pullImage(options: PullImageOptions): Promise<PulledImage> {
  try {
    return await pull(options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new Error(`Cannot pull ${formatReference(options.reference)}`, { cause: error });
  }
}

/**
 * Looks at an image without pulling it: what its configuration says, and which layers it would have.
 *
 * @throws {Error} naming the reference, with what went wrong as its cause
 */
export async function inspectImage(options: InspectImageOptions): Promise<PulledImage> {
  const { reference, signal } = options;
  try {
    const { digest, manifest } = await fetchImageManifest(options);
    const { diffIds, config } = await fetchConfig(options, manifest);
    return { reference, digest, layers: chainIds(diffIds), config };
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`Cannot look at ${formatReference(reference)}`, { cause: error });
  }
}

async function pull(options: PullImageOptions): Promise<PulledImage> {
  const { registry, reference, store, signal } = options;
  const { digest, manifest } = await fetchImageManifest(options);
  const document = await fetchConfig(options, manifest);
  const ids = chainIds(document.diffIds);
  await pullLayers({
    layers: manifest.layers.map((descriptor, index) => ({
      descriptor,
      diffId: document.diffIds[index]!,
      chainId: ids[index]!,
    })),
    store,
    fs: options.fs ?? kernelFileSystem,
    budget: new UnpackBudget(options.limits),
    open: (descriptor, options) => registry.openBlob(reference, descriptor, options),
    onProgress: progressReporter(manifest, options.onProgress),
    signal,
  });
  return { reference, digest, layers: ids, config: document.config };
}

async function fetchImageManifest(
  { registry, reference, platform, signal }: InspectImageOptions,
): Promise<{ digest: Digest; manifest: ImageManifest }> {
  const { digest, mediaType, bytes } = await registry.fetchManifest(reference, { signal });
  const manifest = parseManifest(bytes, mediaType);
  if (manifest.kind === "image") return { digest, manifest };
  const wanted = selectPlatform(manifest, platform);
  const fetched = await registry.fetchManifest(withDigest(reference, wanted.digest), { signal });
  if (fetched.mediaType !== wanted.mediaType) {
    throw new Error(
      `Cannot use the manifest: the index says that it is "${wanted.mediaType}", the registry says "${fetched.mediaType}"`,
    );
  }
  const image = parseManifest(fetched.bytes, fetched.mediaType);
  if (image.kind !== "image") throw new Error("Cannot use the index: it refers to another index");
  return { digest, manifest: image };
}

async function fetchConfig(
  { registry, reference, platform = machinePlatform(), signal }: InspectImageOptions,
  manifest: ImageManifest,
): Promise<ImageDocument> {
  const { config } = manifest;
  if (config.size > MAX_CONFIG) {
    throw new Error(`Cannot use the image's configuration: it has more than ${MAX_CONFIG} bytes`);
  }
  const stream = registry.openBlob(reference, config, { signal });
  const bytes = new Uint8Array(
    await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer(),
  );
  const document = parseImageConfig(bytes, manifest.layers.length);
  const { os, architecture } = document;
  const runsHere = (os === "" || os === platform.os) &&
    (architecture === "" || architecture === platform.architecture);
  if (!runsHere) {
    throw new Error(
      `Cannot use the image: it is for ${formatPlatform({ os, architecture })}, not for ${
        formatPlatform(platform)
      }`,
    );
  }
  return document;
}

/** Passes on every change of phase, but not every packet. */
function progressReporter(
  { layers }: ImageManifest,
  onProgress: PullImageOptions["onProgress"],
): (layer: number, phase: LayerPhase, bytes: number) => void {
  if (onProgress === undefined) return () => {};
  const last = layers.map(() => ({ phase: "", time: 0 }));
  return (layer, phase, bytes) => {
    const time = performance.now();
    const before = last[layer]!;
    if (phase === before.phase && time - before.time < REPORT_INTERVAL) return;
    last[layer] = { phase, time };
    onProgress({ layer, layers: layers.length, phase, bytes, total: layers[layer]!.size });
  };
}
