import { type ByteString, displayName } from "../../ffi/byte_string.ts";
import { joinPath, splitPath } from "./archive_path.ts";

/** As many symlinks as the kernel follows in one look-up (path_resolution(7)). */
const MAX_SYMLINKS = 40;

/**
 * Where a path leads that may have symlinks on its way and at its end: inside the root, whatever they say.
 * What is not there is taken for a directory.
 *
 * @param symlinkAt the target of the symlink with a path, of whose directories none is a symlink; undefined
 * if there is none
 * @throws {Error} if there are too many symlinks
 */
export function resolvePath(
  path: ByteString,
  symlinkAt: (path: ByteString) => ByteString | undefined,
): ByteString {
  let at: ByteString = "";
  let symlinks = 0;
  const todo = path.split("/").reverse();
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = splitPath(at)[0];
      continue;
    }
    const next = joinPath(at, name);
    const target = symlinkAt(next);
    if (target === undefined) {
      at = next;
      continue;
    }
    if (++symlinks > MAX_SYMLINKS) {
      throw new Error(`Cannot follow ${displayName(path)}: too many symlinks`);
    }
    if (target.startsWith("/")) at = "";
    todo.push(...target.split("/").reverse());
  }
  return at;
}
