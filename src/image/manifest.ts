import type { Descriptor } from "../registry/descriptor.ts";
import { parseDigest } from "../registry/digest.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";

/** What a registry's manifests are: the descriptions of one image, or of several for different platforms. */
export type Manifest = ImageManifest | ImageIndex;

/** One image (OCI image-spec, manifest.md; docker's "Image Manifest Version 2, Schema 2"). */
export interface ImageManifest {
  readonly kind: "image";
  readonly config: Descriptor;
  /** Bottom-up. */
  readonly layers: readonly Descriptor[];
}

/** Images for several platforms (OCI image-spec, image-index.md; docker's "Manifest List"). */
export interface ImageIndex {
  readonly kind: "index";
  readonly manifests: readonly IndexEntry[];
}

/** An image of an index. */
export interface IndexEntry {
  readonly descriptor: Descriptor;
  /** Absent if the index does not say. */
  readonly platform?: Platform;
}

/** What an image runs on. */
export interface Platform {
  readonly os: string;
  /** In Go's words: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly variant?: string;
}

/**
 * overlayfs takes 500 layers and docker 127; the options of a mount with more would not fit its one page of
 * memory.
 */
const MAX_LAYERS = 127;

const KINDS: Readonly<Record<string, Manifest["kind"]>> = {
  "application/vnd.oci.image.manifest.v1+json": "image",
  "application/vnd.docker.distribution.manifest.v2+json": "image",
  "application/vnd.oci.image.index.v1+json": "index",
  "application/vnd.docker.distribution.manifest.list.v2+json": "index",
};

const CONFIGS: readonly string[] = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];

const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

const LAYER =
  /^application\/vnd\.(oci\.image\.layer\.v1|docker\.image\.rootfs\.diff)\.tar([+.](gzip|zstd))?$/;

/** Layers that have to be fetched from somewhere else, and may not be kept in registries. */
const FOREIGN = /\.foreign\.|\.nondistributable\./;

/**
 * Reads a manifest.
 *
 * @param bytes as the registry sent it
 * @param contentType without parameters, in lower case; it decides what the manifest is read as. Where there
 * is none, "", the manifest's own media type does
 * @throws {Error} if it is not one that can be pulled, or can be read as another kind of manifest too
 * (CVE-2021-41190)
 */
export function parseManifest(bytes: Uint8Array, contentType: string): Manifest {
  try {
    return read(parseJson(bytes), contentType);
  } catch (error) {
    throw new Error("Cannot use the manifest", { cause: error });
  }
}

function read(manifest: JsonObject, contentType: string): Manifest {
  const mediaType = contentType === "" ? `${manifest.mediaType ?? ""}` : contentType;
  if (SCHEMA_1.test(mediaType) || manifest.schemaVersion === 1) {
    throw new Error("it has docker's old format, schema 1: push the image with a current tool");
  }
  const kind = KINDS[mediaType];
  if (kind === undefined) {
    throw new Error(`it has the media type ${shown(mediaType)}, which is not an image's`);
  }
  if (manifest.schemaVersion !== 2) throw new Error("its schemaVersion is not 2");
  if (manifest.mediaType !== undefined && manifest.mediaType !== mediaType) {
    throw new Error(
      `it says that it is ${shown(manifest.mediaType)}, but the registry says ${shown(mediaType)}`,
    );
  }
  const foreign = kind === "image" ? ["manifests", "fsLayers"] : ["config", "layers", "fsLayers"];
  for (const key of foreign) {
    if (manifest[key] !== undefined) throw new Error(`it is an ${kind}, but has "${key}"`);
  }
  return kind === "image" ? readImage(manifest) : readIndex(manifest);
}

function readImage(manifest: JsonObject): ImageManifest {
  const layers = readList(manifest.layers, "layers").map((layer, index) =>
    readLayer(layer, `layer ${index + 1}`)
  );
  if (layers.length === 0) throw new Error("it has no layers");
  if (layers.length > MAX_LAYERS) {
    throw new Error(`it has ${layers.length} layers, more than ${MAX_LAYERS}`);
  }
  const config = readDescriptor(manifest.config, "config");
  if (!CONFIGS.includes(config.mediaType)) {
    throw new Error(`it describes something else than an image: ${shown(config.mediaType)}`);
  }
  return { kind: "image", config, layers };
}

function readLayer(layer: unknown, name: string): Descriptor {
  const descriptor = readDescriptor(layer, name);
  const { mediaType } = descriptor;
  if (FOREIGN.test(mediaType)) {
    throw new Error(`${name} is foreign (${mediaType}): only layers in the registry can be pulled`);
  }
  if (!LAYER.test(mediaType)) {
    throw new Error(`${name} has the media type ${shown(mediaType)}, which is not a layer's`);
  }
  return descriptor;
}

function readIndex(manifest: JsonObject): ImageIndex {
  const manifests = readList(manifest.manifests, "manifests").map((entry, index) => {
    const descriptor = readDescriptor(entry, `manifest ${index + 1}`);
    const platform = readPlatform((entry as JsonObject).platform);
    return { descriptor, ...platform && { platform } };
  });
  return { kind: "index", manifests };
}

function readPlatform(platform: unknown): Platform | undefined {
  if (!isObject(platform)) return undefined;
  const { os, architecture, variant } = platform;
  if (typeof os !== "string" || typeof architecture !== "string") return undefined;
  return { os, architecture, ...typeof variant === "string" && variant !== "" && { variant } };
}

function readList(list: unknown, name: string): unknown[] {
  if (!Array.isArray(list)) throw new Error(`its "${name}" is not a list`);
  return list;
}

function readDescriptor(descriptor: unknown, name: string): Descriptor {
  if (!isObject(descriptor)) throw new Error(`${name} is not described`);
  const { mediaType, digest, size } = descriptor;
  if (typeof mediaType !== "string") throw new Error(`${name} has no media type`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new Error(`${name} has the impossible size ${shown(size)}`);
  }
  return { mediaType: mediaType.toLowerCase(), digest: parseDigest(digest), size };
}

function shown(value: unknown): string {
  return `${JSON.stringify(value)}`.slice(0, 200);
}

/** The platform of this machine. */
export function machinePlatform(): Platform {
  const architecture = { x86_64: "amd64", aarch64: "arm64" }[Deno.build.arch];
  return { os: "linux", architecture };
}

/** What an architecture's images are for if they do not say (containerd's platforms package, "normalizeArch"). */
const DEFAULT_VARIANT: Readonly<Record<string, string>> = { arm64: "v8" };

/**
 * Finds the image of an index that runs on a platform.
 *
 * @throws {Error} if there is none, with those that there are
 */
export function selectPlatform(index: ImageIndex, wanted = machinePlatform()): Descriptor {
  const found = index.manifests.find(({ platform }) => platform && matches(platform, wanted));
  if (found !== undefined) return found.descriptor;
  const there = index.manifests.flatMap(({ platform }) =>
    // How buildkit marks what it attests about an image.
    platform && platform.os !== "unknown" ? [formatPlatform(platform)] : []
  );
  const list = there.length === 0 ? "no platform" : there.join(", ").slice(0, 500);
  throw new Error(`Cannot find an image for ${formatPlatform(wanted)}: there is one for ${list}`);
}

function matches(platform: Platform, wanted: Platform): boolean {
  return platform.os === wanted.os && platform.architecture === wanted.architecture &&
    variantOf(platform) === variantOf(wanted);
}

function variantOf({ architecture, variant }: Platform): string | undefined {
  return variant ?? DEFAULT_VARIANT[architecture];
}

/** A platform as it is usually written, `linux/arm64/v8`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined).join("/");
}
