/**
 * Whether an error of Deno's says that a file of the kernel's (in `/sys`, say) is not there: ENOENT, or ENODEV where what it
 * tells of is being removed.
 */
export function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof Error && /\(os error 19\)/.test(error.message));
}
