/**
 * How overlayfs marks in a layer what it hides in lower ones (Linux, filesystems/overlayfs.rst, "whiteouts
 * and opaque directories").
 */
import type { ByteString } from "../../ffi/byte_string.ts";
import type { DeviceNumber } from "../../ffi/files.ts";
import type { FileSystem } from "./file_system.ts";

const OPAQUE = "trusted.overlay.opaque";

/** Hides a name. */
export function makeWhiteout(fs: FileSystem, parent: number, name: ByteString): void {
  fs.makeNode(parent, name, { type: "character", mode: 0, major: 0, minor: 0 });
}

/** True for what {@linkcode makeWhiteout} makes. */
export function isWhiteout(
  { type, device }: { readonly type: string; readonly device: DeviceNumber },
): boolean {
  return type === "character" && device.major === 0 && device.minor === 0;
}

/** Hides everything that lower layers have in a directory. */
export function makeOpaque(fs: FileSystem, directory: number): void {
  fs.setAttribute(directory, OPAQUE, "y");
}

/** True for a directory after {@linkcode makeOpaque}. */
export function isOpaque(fs: FileSystem, directory: number): boolean {
  return fs.getAttribute(directory, OPAQUE) === "y";
}
