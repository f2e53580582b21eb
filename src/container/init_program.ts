/** Where distributions, and the appliance, put tini's static build. */
const PLACES = ["/usr/bin/tini-static", "/usr/sbin/tini-static", "/sbin/tini-static"];

/**
 * Finds the static tini that becomes PID 1 of every container: it passes on signals and reaps zombies, which a plain
 * program that finds itself PID 1 does not.
 *
 * @returns its path
 * @throws {Error} if this machine has none
 */
export function findInitProgram(): string {
  for (const path of PLACES) {
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(
    `Cannot find a static tini at ${
      PLACES.join(", ")
    }: install it (Debian and Ubuntu: package "tini")`,
  );
}
