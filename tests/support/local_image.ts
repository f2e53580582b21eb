/** Images in OCI layouts on disk, the form in which skopeo, umoci and buildah hand them to each other. */
import { runCommand } from "./command.ts";
import type { RegistryServer } from "./registry_server.ts";
import type { Digest } from "../../src/registry/digest.ts";
import type { Descriptor } from "../../src/registry/descriptor.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";

/** One image; its layers are gzip. */
export interface LocalImage {
  /** Directory of the OCI layout. */
  readonly layout: string;
  /** Its name in there. */
  readonly tag: string;
}

/** How layers are compressed in a registry. */
export type Compression = "gzip" | "zstd" | "none";

/** Where {@linkcode pushImage} pushes to. */
export interface PushTarget {
  /** Of the registry, with the port. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
  readonly compression?: Compression;
  /** Kind of manifest: the OCI's, or docker's schema 2. */
  readonly format?: "oci" | "v2s2";
  readonly credentials?: { readonly username: string; readonly password: string };
}

/** Pushes an image with skopeo to a registry without TLS. */
export async function pushImage(image: LocalImage, target: PushTarget): Promise<void> {
  const { host, repository, tag, compression = "gzip", format = "oci", credentials } = target;
  using directory = new TemporaryDirectory();
  const authFile = `${directory.path}/auth.json`;
  Deno.writeTextFileSync(authFile, JSON.stringify({ auths: authEntry(host, credentials) }));
  const source = await recompress(`oci:${image.layout}:${image.tag}`, compression, directory.path);
  await skopeoCopy(source, `docker://${host}/${repository}:${tag}`, [
    "--dest-tls-verify=false",
    `--authfile=${authFile}`,
    // Or else skopeo compresses what is not, or takes a blob that the registry has already in another form.
    ...compression === "gzip" ? [`--format=${format}`] : ["--preserve-digests"],
  ]);
}

function authEntry(host: string, credentials: PushTarget["credentials"]): object {
  if (credentials === undefined) return {};
  const { username, password } = credentials;
  return { [host]: { auth: new TextEncoder().encode(`${username}:${password}`).toBase64() } };
}

/** skopeo compresses only what is not compressed, so the way to zstd leads through plain layers. */
async function recompress(
  source: string,
  compression: Compression,
  directory: string,
): Promise<string> {
  if (compression === "gzip") return source;
  const plain = `dir:${directory}/plain`;
  await skopeoCopy(source, plain, ["--dest-decompress"]);
  if (compression === "none") return plain;
  const zstd = `dir:${directory}/zstd`;
  await skopeoCopy(plain, zstd, ["--dest-compress", "--dest-compress-format=zstd"]);
  return zstd;
}

async function skopeoCopy(from: string, to: string, options: readonly string[]): Promise<void> {
  await runCommand(["skopeo", "--insecure-policy", "copy", "--quiet", ...options, from, to]);
}

/**
 * Unpacks an image with umoci.
 *
 * @param directory made by umoci
 * @returns the root of the tree
 */
export async function unpackImage(image: LocalImage, directory: string): Promise<string> {
  await runCommand(["umoci", "unpack", "--image", `${image.layout}:${image.tag}`, directory]);
  return `${directory}/rootfs`;
}

/** Puts an image into a registry inside of the process. */
export function loadImage(
  image: LocalImage,
  registry: RegistryServer,
  { repository, tag }: { readonly repository: string; readonly tag: string },
): Digest {
  const { bytes, mediaType, config, layers } = readManifest(image);
  for (const descriptor of [config, ...layers]) {
    registry.addBlob(readBlob(image, descriptor), descriptor.mediaType);
  }
  return registry.putManifest(repository, tag, bytes, mediaType);
}

/** The manifest of an image. */
export interface LocalManifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Reads the manifest of an image. */
export function readManifest(image: LocalImage): LocalManifest {
  const index = JSON.parse(Deno.readTextFileSync(`${image.layout}/index.json`));
  const entry = index.manifests.find((one: { annotations?: Record<string, string> }) =>
    one.annotations?.["org.opencontainers.image.ref.name"] === image.tag
  );
  const bytes = readBlob(image, entry);
  const { config, layers } = JSON.parse(new TextDecoder().decode(bytes));
  return { bytes, mediaType: entry.mediaType, config, layers };
}

/** Reads a blob of an image. */
export function readBlob(image: LocalImage, { digest }: Descriptor): Uint8Array {
  return Deno.readFileSync(`${image.layout}/blobs/${digest.replace(":", "/")}`);
}
