import { joinNewSessionKeyring } from "../../../ffi/credentials.ts";
import { changeOwner } from "../../../ffi/descriptors.ts";
import { umask } from "../../../ffi/process.ts";
import { type ProcessSpec, StageDescriptor } from "../launch_spec.ts";
import { findCommand } from "./command_lookup.ts";
import { assumeCredentials } from "./credentials.ts";
import { limitOpenFiles } from "./open_files.ts";
import { filterSystemCalls } from "./system_calls.ts";

/**
 * Becomes, in the container's root already, who its programs are: all that comes between there and exec. Signals must be reset
 * and what this process has open be marked close-on-exec before.
 *
 * @returns the program's path
 * @throws {Error} if there is no such program, or a step fails
 */
export function assumeIdentity(spec: ProcessSpec): string {
  // 1 and 2 are pipes that the container may open again as /dev/stdout.
  changeOwner(StageDescriptor.STDOUT, spec.uid, spec.gid);
  changeOwner(StageDescriptor.STDERR, spec.uid, spec.gid);
  umask(0o022);
  joinNewSessionKeyring();
  // Images have working directories that are not for every user; with root squashed, such as on NFS, it is the other way round.
  const isThere = changeToWorkingDirectory(spec.cwd, { evenIfDenied: true });
  limitOpenFiles(spec.openFiles);
  assumeCredentials(spec);
  if (!isThere) changeToWorkingDirectory(spec.cwd);
  const program = findCommand(spec.argv[0] ?? "", spec.env["PATH"] ?? "");
  filterSystemCalls(spec);
  return program;
}

/**
 * Changes to the working directory, and makes sure that it lies inside: a leaked descriptor of the machine must not become the
 * way out (CVE-2024-21626).
 *
 * @returns false if this user may not go there, and `evenIfDenied` says that this is no error
 */
function changeToWorkingDirectory(cwd: string, { evenIfDenied = false } = {}): boolean {
  try {
    Deno.chdir(cwd);
  } catch (error) {
    if (evenIfDenied && error instanceof Deno.errors.PermissionDenied) return false;
    throw new Error(`Cannot change to the working directory "${cwd}"`, { cause: error });
  }
  const real = Deno.cwd();
  if (!real.startsWith("/")) {
    throw new Error(`Cannot use the working directory "${cwd}": it is outside of the root`);
  }
  return true;
}
