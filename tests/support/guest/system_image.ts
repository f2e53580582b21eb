import { gzipSync } from "node:zlib";
import type { Digest } from "../../../src/registry/digest.ts";
import { commandText, runCommand } from "../command.ts";
import { digestOf, type RegistryServer } from "../registry_server.ts";
import { TemporaryDirectory } from "../temporary_directory.ts";
import { APPLIANCE } from "./appliance.ts";

/** The commit that the appliance is of. */
export function systemCommit(): string {
  const text = Deno.readTextFileSync(`${APPLIANCE.directory}/os-release`);
  return /^BUILD_ID=(.*)$/m.exec(text)![1]!;
}

/** An image of a system. */
export interface SystemImage {
  /** Files of the image, by their names in its root. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Makes a system that says of itself that it is of another commit, and is the appliance's otherwise. The kernel unpacks archives
 * that lie one behind the other, and what comes later wins.
 */
export async function systemOfCommit(commit: string): Promise<Uint8Array> {
  using directory = new TemporaryDirectory();
  await Deno.mkdir(`${directory.path}/etc`);
  const release = Deno.readTextFileSync(`${APPLIANCE.directory}/os-release`)
    .replace(/^BUILD_ID=.*$/m, `BUILD_ID=${commit}`);
  await Deno.writeTextFile(`${directory.path}/etc/os-release`, release);
  const change = await runCommand(["cpio", "--create", "--format=newc", "--quiet"], {
    cwd: directory.path,
    stdin: await commandText(["find", "."], { cwd: directory.path }),
  });
  const system = await Deno.readFile(APPLIANCE.initrd);
  // An archive begins at a multiple of four bytes; zeros before it are skipped (the kernel's init/initramfs.c).
  const start = Math.ceil(system.length / 4) * 4;
  const whole = new Uint8Array(start + change.length);
  whole.set(system);
  whole.set(change, start);
  return whole;
}

/** Pushes an image of a system. */
export async function pushSystem(
  registry: RegistryServer,
  { repository, tag, files, labels }: SystemImage & { repository: string; tag: string },
): Promise<Digest> {
  using directory = new TemporaryDirectory();
  for (const [name, contents] of Object.entries(files)) {
    await Deno.writeFile(`${directory.path}/${name}`, contents);
  }
  const archive = await runCommand(["tar", "--create", "."], { cwd: directory.path });
  const config = {
    architecture: "amd64",
    os: "linux",
    config: { Labels: labels },
    rootfs: { type: "layers", diff_ids: [digestOf(archive)] },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(config));
  return registry.putManifest(repository, tag, {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: registry.addBlob(bytes, "application/vnd.oci.image.config.v1+json"),
    layers: [
      registry.addBlob(
        gzipSync(archive, { level: 1 }),
        "application/vnd.oci.image.layer.v1.tar+gzip",
      ),
    ],
  });
}
