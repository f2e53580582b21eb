import { close, openForReading } from "../../ffi/descriptors.ts";
import { attachMount, cloneMount } from "../../ffi/mount.ts";
import { RootDirectory } from "../../ffi/root_directory.ts";
import { LayerStore } from "../image/layer_store.ts";
import { pullInChild } from "../image/pull_process.ts";
import { mountOverlay } from "../image/root_fs.ts";
import { mountStoreFileSystem } from "../image/store_file_system.ts";
import { dockerCredentials } from "../registry/docker_config.ts";
import { formatReference, parseReference } from "../registry/reference.ts";
import { enterPrivateMountNamespace, returnToMountNamespace } from "../system/mount_namespace.ts";
import { pullProgress, standardError } from "./pull_progress.ts";
import { UsageError } from "./usage_error.ts";

/**
 * `frontloader pull IMAGE DIR`: pulls an image and mounts its read-only root file system on a directory. For a private image
 * it uses what `docker login` has stored.
 *
 * Layers go into a tmpfs that only the overlay refers to in the end, so that unmounting DIR gives everything back; and
 * until then it is mounted in a private mount namespace, so that nothing is left behind however this process ends.
 *
 * @returns the exit status
 */
export async function pull(args: readonly string[]): Promise<number> {
  const [image, directory] = args;
  if (image === undefined || directory === undefined || args.length > 2) {
    throw new UsageError("pull takes an image and a directory: frontloader pull IMAGE DIR");
  }
  const reference = parseReference(image);
  const credentials = dockerCredentials(reference.origin, Deno.env.toObject());
  const target = mountPoint(directory);
  const machine = openForReading("/proc/self/ns/mnt");
  using ownRoot = RootDirectory.open("/");

  // From here on the main thread is in a mount namespace of its own, and so is the child that it starts. In there DIR is
  // the place for the layers as well, which spares a directory that could be left behind.
  enterPrivateMountNamespace();
  mountStoreFileSystem(target, "frontloader");
  const [store, root] = [`${target}/store`, `${target}/root`];
  Deno.mkdirSync(store);
  Deno.mkdirSync(root);

  const progress = pullProgress(formatReference(reference), standardError());
  const pulled = await pullInChild({ reference, credentials, store }, {
    onProgress: progress.update,
  })
    .finally(progress.end);

  const layers = LayerStore.open(store);
  mountOverlay({
    layersDirectory: layers.layersDirectory,
    layers: pulled.layers.map((chainId) => layers.name(chainId)),
    target: root,
    source: "frontloader",
  });
  const copy = cloneMount(root);
  returnToMountNamespace(machine, ownRoot);
  attachMount(copy, target);
  close(copy);
  close(machine);
  console.log(`${formatReference(reference)} ${pulled.digest} is mounted on ${target}`);
  return 0;
}

/** The directory's absolute path, since the current directory may be another one by the time it is needed. */
function mountPoint(directory: string): string {
  let path: string | undefined;
  try {
    if (Deno.statSync(directory).isDirectory) path = Deno.realPathSync(directory);
  } catch (error) {
    throw new Error(`Cannot mount an image on "${directory}"`, { cause: error });
  }
  if (path === undefined) {
    throw new Error(`Cannot mount an image on "${directory}": it is no directory`);
  }
  // Layers would go into it, and what is in there is what this program runs from.
  if (path === "/") {
    throw new Error(`Cannot mount an image on "/": everything else would be out of sight`);
  }
  return path;
}
