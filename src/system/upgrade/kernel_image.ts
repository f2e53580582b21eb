/** Files of a system's image: the kernel, and what it unpacks if it has not that inside. */
export const KERNEL_FILE = "bzImage";
export const INITRD_FILE = "initrd";

/** Labels of an image, each of which says from which commit it was built. */
const COMMIT_LABELS = ["commit", "org.opencontainers.image.revision"];

/** No kernel is smaller. */
const MIN_KERNEL_BYTES = 1 << 20;
/** Both signatures of a kernel lie in so many bytes. */
const HEADER_BYTES = 0x206;

/** Where a kernel has a signature, and which (Documentation/arch/x86/boot.rst, Documentation/arch/arm64/booting.rst). */
const SIGNATURES = {
  x86_64: { offset: 0x202, text: "HdrS" },
  aarch64: { offset: 0x38, text: "ARM\x64" },
};

/** Says from which commit an image was built; undefined if it does not say. */
export function commitOf(labels: Readonly<Record<string, string>>): string | undefined {
  return COMMIT_LABELS.map((label) => labels[label]).find((commit) => commit);
}

/** What is loaded of a system's image, by paths. */
export interface KernelFiles {
  readonly kernel: string;
  /** Absent: it is inside the kernel. */
  readonly initrd?: string;
  /** Bytes of both. */
  readonly size: number;
}

/**
 * Finds the kernel in an image's root file system, and looks whether it is one.
 *
 * @throws {Error} if there is none, or it is something else
 */
export function findKernel(root: string, arch = Deno.build.arch): KernelFiles {
  const kernel = `${root}/${KERNEL_FILE}`;
  const size = sizeOf(kernel);
  if (size === undefined) throw new Error(`The image has no file /${KERNEL_FILE}`);
  const { offset, text } = SIGNATURES[arch];
  const signature = readStart(kernel).subarray(offset, offset + text.length);
  if (size < MIN_KERNEL_BYTES || new TextDecoder().decode(signature) !== text) {
    throw new Error(`The image's /${KERNEL_FILE} is no kernel for ${arch}`);
  }
  const initrd = `${root}/${INITRD_FILE}`;
  const initrdSize = sizeOf(initrd);
  if (initrdSize === undefined) return { kernel, size };
  if (initrdSize === 0) throw new Error(`The image's /${INITRD_FILE} is empty`);
  return { kernel, initrd, size: size + initrdSize };
}

/** A link would lead to the machine's own files, since this is no root of a process. */
function sizeOf(path: string): number | undefined {
  try {
    const { isFile, size } = Deno.lstatSync(path);
    if (!isFile) throw new Error(`The image's ${path.slice(path.lastIndexOf("/"))} is no file`);
    return size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function readStart(path: string): Uint8Array {
  using file = Deno.openSync(path);
  const start = new Uint8Array(HEADER_BYTES);
  return start.subarray(0, file.readSync(start) ?? 0);
}
