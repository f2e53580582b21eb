/** True if something can be seen at a path; whatever keeps this process from looking there counts as nothing. */
export function pathExists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
