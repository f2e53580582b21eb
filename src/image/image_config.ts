import { type Digest, parseDigest } from "../registry/digest.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";

/** What an image says of how it is to be run. What it leaves out is empty here. */
export interface ImageConfig {
  /** `NAME=value` each. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  /** `user`, `uid`, `user:group`, `uid:gid`. */
  readonly user: string;
  /** `SIGTERM`, or a number. */
  readonly stopSignal?: string;
  /** Absent if there are none. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** An image's configuration document (OCI image-spec, config.md). */
export interface ImageDocument {
  /** Empty if the document does not say. */
  readonly os: string;
  readonly architecture: string;
  /** DiffIDs of the layers, bottom-up. */
  readonly diffIds: readonly Digest[];
  readonly config: ImageConfig;
}

/**
 * Reads an image's configuration document. Many tools write `null` for what is empty.
 *
 * @param layers how many layers the manifest has
 * @throws {Error} if something has another type than it should, or there is not one DiffID for each layer
 */
export function parseImageConfig(bytes: Uint8Array, layers: number): ImageDocument {
  try {
    return read(parseJson(bytes), layers);
  } catch (error) {
    throw new Error("Cannot use the image's configuration", { cause: error });
  }
}

function read(document: JsonObject, layers: number): ImageDocument {
  const rootfs = isObject(document.rootfs) ? document.rootfs : {};
  if (rootfs.type !== "layers") throw new Error(`its rootfs.type is not "layers"`);
  const diffIds = strings(rootfs, "diff_ids").map(parseDigest);
  if (diffIds.length !== layers) {
    throw new Error(`it has ${diffIds.length} DiffIDs, but the manifest has ${layers} layers`);
  }
  const config = document.config ?? {};
  if (!isObject(config)) throw new Error(`its "config" is not an object`);
  const stopSignal = string(config, "StopSignal");
  const labels = dictionary(config, "Labels");
  return {
    os: string(document, "os"),
    architecture: string(document, "architecture"),
    diffIds,
    config: {
      env: strings(config, "Env"),
      entrypoint: strings(config, "Entrypoint"),
      cmd: strings(config, "Cmd"),
      workingDir: string(config, "WorkingDir"),
      user: string(config, "User"),
      ...stopSignal !== "" && { stopSignal },
      ...Object.keys(labels).length > 0 && { labels },
    },
  };
}

function string(object: JsonObject, key: string): string {
  const value = object[key] ?? "";
  if (typeof value !== "string") throw new Error(`its "${key}" is not a string`);
  return value;
}

/** What is no text in there is passed over: an image's labels are no reason not to run it. */
function dictionary(object: JsonObject, key: string): Record<string, string> {
  const value = object[key];
  if (!isObject(value)) return {};
  const texts = Object.entries(value).filter(([, item]) => typeof item === "string");
  return Object.fromEntries(texts) as Record<string, string>;
}

function strings(object: JsonObject, key: string): string[] {
  const value = object[key] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new Error(`its "${key}" is not a list of strings`);
  }
  return value;
}
