import { buildInfo } from "../system/boot/build_info.ts";
import { VERSION } from "../version.ts";

/**
 * `frontloader version`.
 *
 * @returns the exit status
 */
export function version(): Promise<number> {
  // Other systems that this program runs on may have an identifier of their own; the time is ours alone.
  const { commit, builtAt } = buildInfo();
  const system = builtAt === undefined ? "" : `commit ${commit}, `;
  console.log(`frontloader ${VERSION} (${system}deno ${Deno.version.deno}, ${Deno.build.target})`);
  return Promise.resolve(0);
}
