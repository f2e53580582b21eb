import type { ByteString } from "../../ffi/byte_string.ts";
import { TarError } from "./tar_entry.ts";

/** PATH_MAX (linux/limits.h) without its NUL: no program in the image could name anything longer. */
const MAX_LENGTH = 4095;

/** Deeper than any image goes; each level is a directory that an archive gets for two bytes. */
const MAX_DEPTH = 256;

/** Matches a path with an empty component, `.` or `..`. */
const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * The path below the root of its image that a path in an archive means: `..` never leads out of the root, and is
 * resolved by name alone, as all tools do that unpack images.
 *
 * @param path as it stands in the archive
 * @returns the path without `/` at its ends; empty for the root
 * @throws {TarError} if it is too long or too deep
 */
export function cleanPath(path: ByteString): ByteString {
  const start = path.startsWith("./") ? 2 : 0;
  const end = path.endsWith("/") ? -1 : undefined;
  let clean = path.slice(start, end);
  if (UNCLEAN.test(clean)) clean = resolveDots(path);
  if (clean.length > MAX_LENGTH) {
    throw new TarError(`path of more than ${MAX_LENGTH} bytes`);
  }
  if (clean.length > MAX_DEPTH) checkDepth(clean);
  return clean;
}

/**
 * Checks that a directory is not too deep.
 *
 * @throws {TarError} if it is
 */
export function checkDepth(path: ByteString): void {
  let depth = 1;
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) depth++;
  if (depth > MAX_DEPTH) throw new TarError(`path of more than ${MAX_DEPTH} levels`);
}

function resolveDots(path: ByteString): ByteString {
  const parts: ByteString[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Takes a path apart into what it is in and its last component. */
export function splitPath(
  path: ByteString,
): readonly [directory: ByteString, name: ByteString] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

/** Puts a path together. */
export function joinPath(directory: ByteString, name: ByteString): ByteString {
  return directory === "" ? name : `${directory}/${name}`;
}
