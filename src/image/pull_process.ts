import { formatReference } from "../registry/reference.ts";
import { errorOfChain, runSelfChild } from "../system/self_child.ts";
import type { PulledImage, PullProgress } from "./pull_image.ts";
import { PULL_CHILD_COMMAND, type PullMessage, type PullRequest } from "./pull_protocol.ts";

/** What {@linkcode pullInChild} may be told besides what to pull. */
export interface PullOptions {
  /** Ends the process. */
  readonly signal?: AbortSignal;
  /** Called as the pull goes on. */
  readonly onProgress?: (progress: PullProgress) => void;
}

/**
 * Pulls an image in a process of its own: what the registry sends is parsed there, its memory goes back to the system when
 * it is done, and its crash is a failed pull.
 *
 * @param request what to pull, and where to
 * @throws {Error} with the child's own reasons, or how it ended if it gave none
 */
export async function pullInChild(
  request: Pick<PullRequest, "reference" | "credentials" | "store">,
  { signal, onProgress }: PullOptions = {},
): Promise<PulledImage> {
  const whole: PullRequest = { ...request, progress: onProgress !== undefined, parent: Deno.pid };
  const results: Exclude<PullMessage, { progress: PullProgress }>[] = [];
  const how = await runSelfChild<PullMessage>({
    face: PULL_CHILD_COMMAND,
    request: whole,
    signal,
    onMessage(message) {
      if ("progress" in message) onProgress?.(message.progress);
      else results.push(message);
    },
  });
  const [result] = results;
  if (result === undefined) {
    const why = `the pull process ended without a result: ${how}`;
    throw new Error(`Cannot pull ${formatReference(request.reference)}: ${why}`);
  }
  if ("failed" in result) throw errorOfChain(result.failed, "The pull failed and gave no reason");
  return result.pulled;
}
