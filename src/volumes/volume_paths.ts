/** How the paths of volumes, and what containers mount of the machine, lie to each other. All of it is about names alone. */
import { globExpression, isGlob } from "../container/stage/bind_source.ts";

/** True if `path` is below `parent`: `/srv/data` is below `/srv`, `/srv2` is not. */
export function isBelow(path: string, parent: string): boolean {
  return path.startsWith(`${parent}/`);
}

/**
 * True if a bind mount shows something of a volume, or would: it lies on it, or the volume lies below it.
 *
 * @param outside what is mounted, possibly with a glob; symlinks on its way are not known here
 * @param path of the volume
 */
export function reaches(outside: string, path: string): boolean {
  const pattern = partsOf(outside);
  const volume = partsOf(path);
  return pattern.slice(0, volume.length).every((part, index) => matches(part, volume[index]!));
}

/** The components of a path, `.` and `..` resolved as they stand. */
function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

function matches(pattern: string, name: string): boolean {
  return isGlob(pattern) ? globExpression(pattern).test(name) : pattern === name;
}
