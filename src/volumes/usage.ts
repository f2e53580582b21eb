import { statfsSync } from "node:fs";
import type { VolumeUsage } from "./task.ts";

/** How large a file system is, and how much of it is used. Waits for a server that does not answer. */
export function usageOf(path: string): VolumeUsage {
  const { bsize, blocks, bfree } = statfsSync(path);
  return { size: bsize * blocks, used: bsize * (blocks - bfree) };
}
