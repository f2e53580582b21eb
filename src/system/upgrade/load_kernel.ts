import { close, openForReading } from "../../../ffi/descriptors.ts";
import { isSyscallError } from "../../../ffi/errno.ts";
import { umount, UmountFlag } from "../../../ffi/mount.ts";
import { loadNextKernel } from "../../../ffi/reboot.ts";
import { LayerStore } from "../../image/layer_store.ts";
import type { PulledImage } from "../../image/pull_image.ts";
import { mountOverlay } from "../../image/root_fs.ts";
import { runPhases } from "../phases.ts";
import { NoMemoryError, requireMemory } from "./free_memory.ts";
import { UnfitImageError } from "./kernel_driver.ts";
import { findKernel, type KernelFiles } from "./kernel_image.ts";

/**
 * kexec_file_load(2) reads the files, and copies them to pages of the next kernel; until it has found pages that lie where that
 * wants them it keeps others (kimage_alloc_page in the kernel's kernel/kexec_core.c): three times the size of the files at most.
 */
const COPIES = 3;

/** What {@linkcode loadKernel} is told. */
export interface LoadKernelOptions {
  /** Pulls the image into a layer store. */
  pull(store: string): Promise<PulledImage>;
  readonly commandLine: string;
  /** A directory for the image, made and removed again; in a tmpfs. */
  readonly directory: string;
  /** Shown as the source of the mount in the kernel's list. */
  readonly mountSource: string;
  /** Is called when there was no memory to load it, with the bytes that pulling and loading it take. */
  onNoMemory(needed: number): void;
}

/**
 * Brings the next system's kernel into memory. Whatever fails, the running one is as it was.
 *
 * @throws {UnfitImageError} if the image was pulled, but cannot be used
 * @throws {Error} if it cannot be had
 */
export async function loadKernel(
  { pull, commandLine, directory, mountSource, onNoMemory }: LoadKernelOptions,
): Promise<void> {
  const root = `${directory}/root`;
  let image: PulledImage;
  let files: KernelFiles;
  using _cleared = {
    [Symbol.dispose]() {
      umount(root, UmountFlag.DETACH | UmountFlag.NOFOLLOW);
      Deno.removeSync(directory, { recursive: true });
    },
  };
  Deno.mkdirSync(root, { recursive: true, mode: 0o700 });
  await runPhases("upgrade", [
    {
      name: "Pull",
      async run() {
        image = await pull(directory);
        return image.digest;
      },
    },
    {
      name: "Check",
      run: () =>
        fit(() => {
          const store = LayerStore.open(directory);
          mountOverlay({
            layersDirectory: store.layersDirectory,
            layers: image.layers.map((chainId) => store.name(chainId)),
            target: root,
            source: mountSource,
          });
          files = findKernel(root);
          return files.initrd === undefined ? "a kernel" : "a kernel and its initrd";
        }),
    },
    {
      name: "Load",
      run() {
        try {
          requireMemory("Loading the next kernel", COPIES * files.size);
        } catch (error) {
          if (error instanceof NoMemoryError) onNoMemory((1 + COPIES) * files.size);
          throw error;
        }
        return fit(() => load(files, commandLine));
      },
    },
  ], { stopAtFailure: true });
}

/** What goes wrong with an image that is there goes wrong every time, unless there was no memory for it. */
function fit<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isSyscallError(error, "ENOMEM", "ENOSPC")) throw error;
    throw new UnfitImageError("Cannot use the image as the next system", { cause: error });
  }
}

function load({ kernel, initrd }: KernelFiles, commandLine: string): void {
  const opened: number[] = [];
  const open = (path: string) => {
    const fd = openForReading(path);
    opened.push(fd);
    return fd;
  };
  try {
    loadNextKernel({
      kernel: open(kernel),
      ...initrd !== undefined && { initrd: open(initrd) },
      commandLine,
    });
  } finally {
    for (const fd of opened) close(fd);
  }
}
