/** One thing of the machine that is mounted. */
export interface BindSource {
  /** Absolute path in the container. */
  readonly path: string;
  /** Absolute path on the machine. */
  readonly source: string;
}

/**
 * Looks up what a bind mount mounts. This is done in the stage: a dead network file system makes whoever looks at it wait, and
 * that must not be the supervisor.
 *
 * @param setting `outside`: with `*`, `?` or `[…]` every match is mounted, by its name, in the directory `inside`
 * @returns a source without a glob as it is, there or not; of a glob what matches, which may be nothing
 */
export function bindSources(
  { inside, outside }: { readonly inside: string; readonly outside: string },
): BindSource[] {
  if (!isGlob(outside)) return [{ path: inside, source: outside }];
  return glob(outside).map((match) => ({
    path: `${inside}/${match.slice(match.lastIndexOf("/") + 1)}`,
    source: match,
  }));
}

/** True if a text is a pattern of paths. */
export function isGlob(text: string): boolean {
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
export function globExpression(part: string): RegExp {
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
