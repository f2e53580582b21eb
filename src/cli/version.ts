import { VERSION } from "../version.ts";

/**
 * `frontloader version`.
 *
 * @returns the exit status
 */
export function version(): Promise<number> {
  console.log(`frontloader ${VERSION} (deno ${Deno.version.deno}, ${Deno.build.target})`);
  return Promise.resolve(0);
}
