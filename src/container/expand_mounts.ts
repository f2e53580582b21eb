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

/** All paths that match, sorted. As in the shell, `*` matches no leading dot, and a slash at the end asks for directories. */
function glob(pattern: string): string[] {
  let found = [""];
  for (const part of pattern.split("/").filter((part) => part !== "")) {
    found = found.flatMap((directory) =>
      isGlob(part) ? matches(directory, part) : [`${directory}/${part}`]
    );
  }
  const wanted = pattern.endsWith("/") ? isDirectory : exists;
  return found.filter(wanted).sort();
}

function matches(directory: string, part: string): string[] {
  const expression = globExpression(part);
  try {
    return Array.from(Deno.readDirSync(directory || "/"), ({ name }) => name)
      .filter((name) => expression.test(name) && (part.startsWith(".") || !name.startsWith(".")))
      .map((name) => `${directory}/${name}`);
  } catch (error) {
    // What is no directory, or is gone by now, has no matches in it.
    if (leadsNowhere(error)) return [];
    throw error;
  }
}

/** What glob(7) says of one path component, without classes by name such as `[[:alpha:]]`. */
function globExpression(part: string): RegExp {
  // A "]" right behind the beginning of a class belongs to it; a "[" that begins none is itself.
  const source = part.replace(
    /\[([!^]?)(\]?[^\]]*)\]|[^]/g,
    (token: string, negation: string | undefined, members: string | undefined) => {
      if (token === "*") return ".*";
      if (token === "?") return ".";
      if (members) return `[${negation && "^"}${members.replace(/[\\[\]^]/g, "\\$&")}]`;
      return token.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    },
  );
  try {
    return new RegExp(`^${source}$`, "su");
  } catch (error) {
    throw new Error(`Cannot use "${part}" as a glob`, { cause: error });
  }
}

/** A symlink that leads nowhere does not exist: it cannot be mounted. */
function exists(path: string): boolean {
  return fileInfo(path) !== undefined;
}

function isDirectory(path: string): boolean {
  return fileInfo(path)?.isDirectory === true;
}

function fileInfo(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (leadsNowhere(error)) return undefined;
    throw error;
  }
}

function leadsNowhere(error: unknown): boolean {
  const { FilesystemLoop, NotADirectory, NotFound } = Deno.errors;
  return [FilesystemLoop, NotADirectory, NotFound].some((kind) => error instanceof kind);
}
