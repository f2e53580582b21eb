/**
 * Makes the image that carries a kernel upgrade: an OCI layout with one layer. The same build gives the same digests.
 *
 *     deno run -R -W build/oci_layout.ts BUILD LAYER LAYOUT
 *
 * BUILD is a directory with `bzImage` and `os-release`, LAYER an archive of what the image consists of.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** The place of a blob in a layout, and what points to it (image-spec, descriptor.md). */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An OCI layout that is being written. */
class Layout {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    Deno.mkdirSync(`${directory}/blobs/sha256`, { recursive: true });
    Deno.writeTextFileSync(`${directory}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  }

  add(mediaType: string, content: unknown): Descriptor {
    const bytes = content instanceof Uint8Array ? content : encode(content);
    const digest = sha256(bytes);
    Deno.writeFileSync(`${this.#directory}/blobs/${digest.replace(":", "/")}`, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** @param tag by which the image is called in this layout */
  writeIndex(manifest: Descriptor, tag: string): void {
    const annotations = { "org.opencontainers.image.ref.name": tag };
    const index = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ ...manifest, annotations }],
    };
    Deno.writeFileSync(`${this.#directory}/index.json`, encode(index));
  }
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The values of an os-release file by their names (os-release(5)); here none has a quote inside. */
function parseOsRelease(text: string): Map<string, string> {
  return new Map(
    Array.from(text.matchAll(/^(\w+)="?(.*?)"?$/gm), ([, name, value]) => [name!, value!]),
  );
}

function required(release: ReadonlyMap<string, string>, name: string): string {
  const value = release.get(name);
  if (value === undefined) throw new Error(`Cannot make an image: its os-release has no ${name}`);
  return value;
}

/** Which of docker's architectures a kernel is for: x86's have their magic where their setup code ends, arm64's another. */
function architectureOf(kernel: Uint8Array): string {
  const text = (start: number, end: number) =>
    new TextDecoder().decode(kernel.subarray(start, end));
  if (text(0x202, 0x206) === "HdrS") return "amd64";
  if (text(0x38, 0x3c) === "ARMd") return "arm64";
  throw new Error("Cannot make an image: bzImage is no kernel of x86-64 or arm64");
}

function makeImage(build: string, archivePath: string, directory: string): void {
  const release = parseOsRelease(Deno.readTextFileSync(`${build}/os-release`));
  const commit = required(release, "BUILD_ID");
  const version = required(release, "VERSION_ID");
  const labels = {
    "commit": commit,
    "org.opencontainers.image.revision": commit,
    "org.opencontainers.image.title": "Frontloader",
    "org.opencontainers.image.version": version,
  };

  const layout = new Layout(directory);
  const archive = Deno.readFileSync(archivePath);
  // What is in it is compressed already.
  const gzip = gzipSync(archive, { level: 1 });
  const layer = layout.add("application/vnd.oci.image.layer.v1.tar+gzip", gzip);
  const config = layout.add("application/vnd.oci.image.config.v1+json", {
    architecture: architectureOf(Deno.readFileSync(`${build}/bzImage`)),
    os: "linux",
    config: { Labels: labels },
    rootfs: { type: "layers", diff_ids: [sha256(archive)] },
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const content = { schemaVersion: 2, mediaType, config, layers: [layer], annotations: labels };
  const manifest = layout.add(mediaType, content);
  layout.writeIndex(manifest, version);
  console.log(`image ${manifest.digest} of commit ${commit}`);
}

const [build, archive, directory] = Deno.args;
if (build === undefined || archive === undefined || directory === undefined) {
  console.error("usage: oci_layout.ts BUILD LAYER LAYOUT");
  Deno.exit(2);
}
makeImage(build, archive, directory);
