import type { VolumeSettings } from "../config/settings.ts";

/**
 * Gives the root of a volume to the user and the group that it is for.
 *
 * @param path of the root
 * @throws {Error} if that is not possible
 */
export function giveRoot(path: string, { uid, gid }: Pick<VolumeSettings, "uid" | "gid">): void {
  const now = Deno.statSync(path);
  // On a read-only volume what is right already must not be an error.
  if ((uid ?? now.uid) === now.uid && (gid ?? now.gid) === now.gid) return;
  Deno.chownSync(path, uid ?? null, gid ?? null);
}
