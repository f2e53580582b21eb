/** What a pull child is told, and what it tells. */
import type { ImageReference } from "../registry/reference.ts";
import type { PulledImage, PullProgress } from "./pull_image.ts";

/** The hidden command line word that makes `main.ts` a pull child. */
export const PULL_CHILD_COMMAND = "__pull";

/** Standard input of the child, up to its end. Not arguments: those can be read by everybody on the machine. */
export interface PullRequest {
  readonly reference: ImageReference;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Directory of the layer store. Absent: only the image's configuration is fetched, to look at. */
  readonly store?: string;
  /** True to hear of progress. */
  readonly progress: boolean;
  /** Pid of who asks: when that process ends the child does too. */
  readonly parent: number;
}

/** A line of JSON on the child's standard output. The last one is a result. */
export type PullMessage =
  | { readonly progress: PullProgress }
  | { readonly pulled: PulledImage }
  /** What went wrong, the outermost cause first. */
  | { readonly failed: readonly string[] };
