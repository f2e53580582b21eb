import { describeFile } from "./layer_cases.ts";
import type { MemoryFile } from "./memory_file_system.ts";

const OPAQUE = "trusted.overlay.opaque";

/**
 * Describes what overlayfs shows of layers, its weaknesses included: in a directory that only one layer has,
 * a whiteout is listed.
 *
 * @param layers their roots, bottom-up
 */
export function describeOverlay(layers: readonly MemoryFile[]): Record<string, string> {
  const found = new Map<string, MemoryFile>([["/", layers.at(-1)!]]);
  // There is always another, empty one below, so the root is never of one layer only.
  show([...layers.toReversed(), undefined], "", found);
  const namesOf = Map.groupBy(found.keys(), (path) => found.get(path)!);
  return Object.fromEntries(
    found.entries().map(([path, file]) => {
      const attributes = [...file.attributes].filter(([name]) => name !== OPAQUE);
      return [path, describeFile({ ...file, attributes, links: namesOf.get(file)!.length })];
    }),
  );
}

function show(
  parts: readonly (MemoryFile | undefined)[],
  path: string,
  found: Map<string, MemoryFile>,
): void {
  for (const name of new Set(parts.flatMap((part) => [...part?.children.keys() ?? []]))) {
    const directories: MemoryFile[] = [];
    for (const part of parts) {
      const file = part?.children.get(name);
      if (file === undefined) continue;
      const isWhiteout = file.type === "character" && file.device.major + file.device.minor === 0;
      if (file.type === "directory") directories.push(file);
      else if (directories.length === 0 && (!isWhiteout || parts.length === 1)) {
        found.set(path + name, file);
      }
      if (file.type !== "directory" || file.attributes.get(OPAQUE) === "y") break;
    }
    if (directories.length === 0) continue;
    found.set(path + name, directories[0]!);
    show(directories, `${path}${name}/`, found);
  }
}
