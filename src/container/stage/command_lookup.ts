import { mayExecute } from "../../../ffi/process.ts";

/**
 * Finds the program that a command names, as execvp(3) does. The container's init would find it too, but its failure
 * would look like a container that ran and ended: found out before exec, it is a start that failed, and the old
 * instance stays.
 *
 * @param name `argv[0]`: a path, or a name that is looked up in PATH
 * @param searchPath the container's PATH
 * @returns the path of the program
 * @throws {Error} if there is none, or it may not be executed
 */
export function findCommand(name: string, searchPath: string): string {
  if (name === "") throw new Error(`Cannot run "": the command is empty`);
  if (name.includes("/")) {
    const problem = whyNot(name);
    if (problem === undefined) return name;
    throw new Error(`Cannot run "${name}": ${problem}`);
  }
  let denied: string | undefined;
  for (const directory of searchPath.split(":")) {
    // An empty entry of PATH is the current directory (execvp(3)).
    const candidate = `${directory || "."}/${name}`;
    const problem = whyNot(candidate);
    if (problem === undefined) return candidate;
    if (problem !== NOT_FOUND) denied ??= `"${candidate}" ${problem}`;
  }
  throw new Error(`Cannot run "${name}": ${denied ?? `not found in PATH (${searchPath})`}`);
}

const NOT_FOUND = "not found in the image";

function whyNot(path: string): string | undefined {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      return "lies in a directory that may not be searched";
    }
    // ENOENT, ENOTDIR, ELOOP: in no case is there a program
    return NOT_FOUND;
  }
  if (!info.isFile) return "is no file";
  return mayExecute(path) ? undefined : "may not be executed";
}
