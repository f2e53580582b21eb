/** Images made on the spot from this machine's static busybox. */
import { gzipSync } from "node:zlib";
import type { Digest } from "../../src/registry/digest.ts";
import { digestOf, type RegistryServer } from "./registry_server.ts";

/** A file of an image's upper layer: its contents, or those and a mode. */
export type ImageFile = string | { readonly contents: string; readonly mode: number };

/** Where images go. */
export type ImageTarget = Pick<RegistryServer, "addBlob" | "putManifest">;

/** What {@linkcode pushBusyboxImage} makes. */
export interface BusyboxImage {
  readonly repository: string;
  readonly tag: string;
  /** Files of the upper layer, by absolute path. */
  readonly files?: Readonly<Record<string, ImageFile>>;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  /** `NAME=value` each. */
  readonly env?: readonly string[];
  readonly workingDir?: string;
}

let base: Promise<Uint8Array> | undefined;

/** Pushes an image of two layers: busybox with all its applets, which is the same every time, and the given files. */
export async function pushBusyboxImage(
  registry: ImageTarget,
  { repository, tag, files = {}, entrypoint = [], cmd = [], env = [], workingDir = "" }:
    BusyboxImage,
): Promise<Digest> {
  const layers = [await (base ??= busyboxLayer()), await tarOf((root) => writeFiles(root, files))];
  const config = {
    architecture: Deno.build.arch === "x86_64" ? "amd64" : "arm64",
    os: "linux",
    config: {
      Entrypoint: entrypoint,
      Cmd: cmd,
      Env: ["PATH=/bin", ...env],
      WorkingDir: workingDir,
    },
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
  };
  const configBytes = new TextEncoder().encode(JSON.stringify(config));
  return registry.putManifest(repository, tag, {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: registry.addBlob(configBytes, "application/vnd.oci.image.config.v1+json"),
    layers: layers.map((tar) =>
      registry.addBlob(gzipSync(tar), "application/vnd.oci.image.layer.v1.tar+gzip")
    ),
  });
}

/** Pushes an image that runs a shell script, with the tag `latest`. */
export function pushScript(
  registry: RegistryServer,
  repository: string,
  script: string,
): Promise<Digest> {
  return pushBusyboxImage(registry, {
    repository,
    tag: "latest",
    files: { "/start": { contents: `#!/bin/sh\n${script}\n`, mode: 0o755 } },
    entrypoint: ["/start"],
  });
}

function busyboxLayer(): Promise<Uint8Array> {
  return tarOf(async (root) => {
    for (const directory of ["bin", "etc", "proc", "sys", "dev", "tmp"]) {
      Deno.mkdirSync(`${root}/${directory}`);
    }
    Deno.writeTextFileSync(`${root}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
    await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
    await run("/bin/busybox", ["--install", "-s", `${root}/bin`]);
    // The links name the busybox of this machine.
    for (const { name, isSymlink } of Deno.readDirSync(`${root}/bin`)) {
      if (!isSymlink) continue;
      Deno.removeSync(`${root}/bin/${name}`);
      Deno.symlinkSync("busybox", `${root}/bin/${name}`);
    }
  });
}

function writeFiles(root: string, files: Readonly<Record<string, ImageFile>>): void {
  for (const [path, file] of Object.entries(files)) {
    const { contents, mode } = typeof file === "string" ? { contents: file, mode: 0o644 } : file;
    Deno.mkdirSync(root + path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(root + path, contents);
    Deno.chmodSync(root + path, mode);
  }
}

async function tarOf(fill: (root: string) => void | Promise<void>): Promise<Uint8Array> {
  const root = await Deno.makeTempDir({ prefix: "frontloader-image." });
  try {
    await Deno.chmod(root, 0o755);
    await fill(root);
    return await run("tar", [
      "--numeric-owner",
      "--owner=0",
      "--group=0",
      "--sort=name",
      "--mtime=@0",
      "-C",
      root,
      "-c",
      ".",
    ]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function run(command: string, args: string[]): Promise<Uint8Array> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) {
    throw new Error(`Cannot make an image: ${command}: ${new TextDecoder().decode(stderr)}`);
  }
  return stdout;
}
