/**
 * Writes a directory as the kernel's initramfs: the same tree gives the same bytes, whoever built it, when, and where.
 *
 *     deno run -R -W build/initramfs.ts DIRECTORY ARCHIVE
 */
import { archiveTree } from "./cpio.ts";

const [directory, archive] = Deno.args;
if (directory === undefined || archive === undefined) {
  console.error("usage: initramfs.ts DIRECTORY ARCHIVE");
  Deno.exit(2);
}
const file = await Deno.open(archive, { write: true, create: true, truncate: true });
await ReadableStream.from(archiveTree(directory)).pipeTo(file.writable);
