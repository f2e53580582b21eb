import { close, openForReading } from "../../ffi/descriptors.ts";
import { attachMount, cloneMount, mount, MountFlag } from "../../ffi/mount.ts";
import { CloneFlag, setns, unshare } from "../../ffi/namespaces.ts";
import { LayerStore } from "../image/layer_store.ts";
import { pullInChild } from "../image/pull_process.ts";
import { mountOverlay } from "../image/root_fs.ts";
import { formatReference, parseReference } from "../registry/reference.ts";
import { runDirectoryPath } from "../system/run_directory.ts";
import { pullProgress, standardError } from "./pull_progress.ts";
import { UsageError } from "./usage_error.ts";

/**
 * `frontloader pull IMAGE DIR`: pulls an image and mounts its read-only root file system on a directory.
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
  const target = Deno.realPathSync(directory);
  const machine = openForReading("/proc/self/ns/mnt");
  const place = `${runDirectoryPath()}/pull`;
  Deno.mkdirSync(place, { recursive: true, mode: 0o700 });

  // From here on the main thread is in a mount namespace of its own, and so is the child that it starts.
  unshare(CloneFlag.NEWNS);
  mount({ source: "none", target: "/", flags: MountFlag.REC | MountFlag.PRIVATE });
  mount({ source: "frontloader", target: place, fstype: "tmpfs", data: "mode=0700,size=75%" });
  const [store, root] = [`${place}/store`, `${place}/root`];
  Deno.mkdirSync(store);
  Deno.mkdirSync(root);

  const progress = pullProgress(formatReference(reference), standardError());
  const pulled = await pullInChild({ reference, store }, { onProgress: progress.update })
    .finally(progress.end);

  const layers = LayerStore.open(store);
  mountOverlay({
    layersDirectory: layers.layersDirectory,
    layers: pulled.layers.map((chainId) => layers.name(chainId)),
    target: root,
    source: "frontloader",
  });
  const copy = cloneMount(root);
  unshare(CloneFlag.FS);
  setns(machine, CloneFlag.NEWNS);
  attachMount(copy, target);
  close(copy);
  close(machine);
  console.log(`${formatReference(reference)} ${pulled.digest} is mounted on ${target}`);
  return 0;
}
