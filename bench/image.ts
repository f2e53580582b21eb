/** The image that is pulled, launched and upgraded: a real one, made once from a Debian distribution and kept. */
import { run } from "./commands.ts";

/** One layer of the image. */
export interface LayerFacts {
  /** What is in it. */
  readonly what: string;
  /** As the registry has it, gzip. */
  readonly compressedBytes: number;
  /** As a tar archive. */
  readonly tarBytes: number;
  /** Of all types, in the tar archive. */
  readonly entries: number;
}

/** An OCI image layout on this machine. */
export interface ImageLayout {
  readonly directory: string;
  /** Of the base image. */
  readonly digests: ImageDigests;
  /** Of the base image. */
  readonly layers: readonly LayerFacts[];
}

/** Digests of what a registry serves of one image. */
export interface ImageDigests {
  readonly config: string;
  readonly layers: readonly string[];
}

/** Tag, in the layout, of the base image, of large layers. */
export const BASE_TAG = "base";

/** Repository, in the registry, of the application: a small layer on top of the base image. */
export const APPLICATION = "bench/application";

/** The application's command. Its output is its version. */
export const PRINT_VERSION = "cat /srv/version";

const SUITE = "bookworm";

/** What each layer above the distribution installs: the ground of a web application. */
const PACKAGES = [["git", "ruby"], ["nodejs"]];

/** The size of the layer that differs from version to version of the application. */
export const APPLICATION_BYTES = 100_000;

/**
 * Gives the layout with the base image, in a directory that may be written to.
 *
 * @param options `cache`: where it is kept from one bench to the next; `work`: a directory on a tmpfs
 */
export async function imageLayout(
  { cache, work }: { readonly cache: string; readonly work: string },
): Promise<ImageLayout> {
  // Another recipe is another image.
  const recipe = [SUITE, ...PACKAGES.flat(), Deno.build.arch].join("-");
  const kept = `${cache}/${recipe}`;
  if (!await exists(kept)) {
    console.log("making the image; it is kept for the next time");
    const made = await makeLayout(`${work}/image`);
    await Deno.mkdir(cache, { recursive: true });
    // Renamed when it is complete: an interrupted copy is never taken for it.
    await Deno.remove(`${kept}.part`, { recursive: true }).catch(ignoreNotFound);
    await run("cp", ["-r", made, `${kept}.part`]);
    await Deno.rename(`${kept}.part`, kept);
    await Deno.remove(`${work}/image`, { recursive: true });
  }
  const directory = `${work}/layout`;
  await run("cp", ["-r", kept, directory]);
  const digests = await imageDigests(directory, BASE_TAG);
  return { directory, digests, layers: await Promise.all(digests.layers.map(describeLayer)) };

  async function describeLayer(digest: string, index: number): Promise<LayerFacts> {
    const blob = blobPath(directory, digest);
    const shell = (script: string) => run("bash", ["-o", "pipefail", "-c", script, "-", blob]);
    return {
      what: index === 0 ? `Debian ${SUITE}, minbase` : PACKAGES[index - 1]!.join(", "),
      compressedBytes: (await Deno.stat(blob)).size,
      tarBytes: Number(await shell('igzip -d -c "$1" | wc -c')),
      entries: Number(await shell('igzip -d -c "$1" | tar -t | wc -l')),
    };
  }
}

/**
 * Adds a version of the application to a layout: the base image, and a small layer with a file that names the version.
 *
 * @returns the digests of the image, which is tagged with the version
 */
export async function addVersion(directory: string, version: string): Promise<ImageDigests> {
  const files = await Deno.makeTempDir();
  await Deno.mkdir(`${files}/srv`, { mode: 0o755 });
  await Deno.chmod(files, 0o755);
  await Deno.writeTextFile(`${files}/srv/version`, `${version}\n`);
  const random = new Uint8Array(APPLICATION_BYTES);
  // crypto gives 64 KiB at a time at most
  for (let at = 0; at < random.length; at += 65_536) {
    crypto.getRandomValues(random.subarray(at, at + 65_536));
  }
  await Deno.writeFile(`${files}/srv/application`, random);
  const tar = `${files}.tar`;
  await run("tar", ["--numeric-owner", "-C", files, "-cf", tar, "srv"]);
  await run("umoci", [
    "raw",
    "add-layer",
    `--image=${directory}:${BASE_TAG}`,
    `--tag=${version}`,
    "--history.created_by=bench",
    tar,
  ]);
  await Deno.remove(files, { recursive: true });
  await Deno.remove(tar);
  return await imageDigests(directory, version);
}

async function makeLayout(work: string): Promise<string> {
  const [layout, bundle] = [`${work}/layout`, `${work}/bundle`];
  const [image, root] = [`${layout}:${BASE_TAG}`, `${bundle}/rootfs`];
  await Deno.mkdir(work);
  await run("umoci", ["init", `--layout=${layout}`]);
  await run("umoci", ["new", `--image=${image}`]);
  await run("umoci", ["config", `--image=${image}`, "--config.cmd=/bin/bash"]);
  await run("umoci", ["unpack", `--image=${image}`, bundle]);
  await run("debootstrap", ["--variant=minbase", SUITE, root]);
  await repack("debootstrap");
  for (const packages of PACKAGES) {
    await installInto(root, packages);
    await repack(`apt-get install ${packages.join(" ")}`);
  }
  await run("umoci", ["gc", `--layout=${layout}`]);
  return layout;

  async function repack(history: string): Promise<void> {
    // What image builders commonly leave out; the lists of packages are needed until the last layer.
    await run("sh", [
      "-c",
      'rm -rf "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb',
      "-",
      root,
    ]);
    await run("umoci", [
      "repack",
      "--refresh-bundle",
      "--mask-path=/var/lib/apt/lists",
      "--mask-path=/etc/resolv.conf",
      "--mask-path=/etc/hostname",
      `--history.created_by=${history}`,
      `--image=${image}`,
      bundle,
    ]);
  }
}

async function installInto(root: string, packages: readonly string[]): Promise<void> {
  // In a mount namespace of its own, so that /proc is gone again when the layer is taken from the tree.
  const script = 'mount -t proc proc "$1/proc" && root=$1 && shift && ' +
    'exec chroot "$root" apt-get install -y -qq --no-install-recommends "$@"';
  await run("unshare", ["--mount", "sh", "-c", script, "-", root, ...packages], {
    env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
  });
}

async function imageDigests(directory: string, tag: string): Promise<ImageDigests> {
  const { manifests } = JSON.parse(await Deno.readTextFile(`${directory}/index.json`));
  const { digest } = manifests.find(({ annotations }: { annotations: Record<string, string> }) =>
    annotations["org.opencontainers.image.ref.name"] === tag
  );
  const { config, layers } = JSON.parse(await Deno.readTextFile(blobPath(directory, digest)));
  return {
    config: config.digest,
    layers: layers.map(({ digest }: { digest: string }) => digest),
  };
}

function blobPath(directory: string, digest: string): string {
  return `${directory}/blobs/${digest.replace(":", "/")}`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    ignoreNotFound(error);
    return false;
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
