import { loadSeccompFilter } from "../../../ffi/seccomp.ts";
import type { ProcessSpec } from "../launch_spec.ts";

/**
 * Filters the container's system calls from here on, if they are to be filtered. What this process still does has to pass the
 * filter as well: writing to the status pipe, and execveat.
 *
 * @throws {Error} if that cannot be done: a container that was to be filtered does not run without
 */
export function filterSystemCalls({ seccomp }: ProcessSpec): void {
  if (seccomp === null) return;
  try {
    loadSeccompFilter(Uint8Array.fromBase64(seccomp));
  } catch (error) {
    throw new Error(
      'Cannot filter the system calls of the container (with "seccomp": false it starts without a filter)',
      { cause: error },
    );
  }
}
