import type { BindMount } from "./launch_spec.ts";

/** A mount as the configuration has it. */
export interface MountSetting {
  /** Absolute path in the container. */
  readonly inside: string;
  /** Absolute path on the machine; with `*`, `?` or `[…]` every match is mounted, by its name, in the directory `inside`. */
  readonly outside: string;
}

/**
 * Looks up the sources of bind mounts on this machine.
 *
 * @throws {Error} if a source is missing; a glob that matches nothing is no error, as there is nothing to mount
 */
export function expandMounts(settings: readonly MountSetting[]): BindMount[] {
  return settings.flatMap(({ inside, outside }) => {
    if (!isGlob(outside)) return [bindMount(inside, outside)];
    return glob(outside).map((match) =>
      bindMount(`${inside}/${match.slice(match.lastIndexOf("/") + 1)}`, match)
    );
  });
}

function bindMount(inside: string, outside: string): BindMount {
  try {
    return { inside, outside, kind: Deno.statSync(outside).isDirectory ? "directory" : "file" };
  } catch (error) {
    throw new Error(`Cannot mount "${outside}" of the machine on "${inside}" of the container`, {
      cause: error,
    });
  }
}

function isGlob(text: string): boolean {
  return /[*?[]/.test(text);
}

/** All paths that match, sorted; like the shell's, `*` matches no leading dot. */
function glob(pattern: string): string[] {
  let found = [""];
  for (const part of pattern.split("/").slice(1)) {
    found = found.flatMap((directory) =>
      isGlob(part) ? matches(directory, part) : [`${directory}/${part}`]
    );
  }
  return found.filter(exists).sort();
}

function matches(directory: string, part: string): string[] {
  const expression = globExpression(part);
  try {
    return Array.from(Deno.readDirSync(directory || "/"), ({ name }) => name)
      .filter((name) => expression.test(name) && (part.startsWith(".") || !name.startsWith(".")))
      .map((name) => `${directory}/${name}`);
  } catch (error) {
    // What is no directory, or is gone by now, has no matches in it.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
}

function globExpression(part: string): RegExp {
  const source = part.replace(/\[!?[^\]]+\]|[\s\S]/g, (token) => {
    if (token === "*") return ".*";
    if (token === "?") return ".";
    if (token.length > 1) return token.replace(/^\[!/, "[^").replaceAll("\\", "\\\\");
    return token.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  });
  return new RegExp(`^${source}$`, "su");
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
