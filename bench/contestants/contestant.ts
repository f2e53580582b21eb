import type { Usage } from "../commands.ts";

/** Who pulls. */
export interface Puller {
  readonly name: string;
  /** What its pull consists of, for the report. */
  readonly how: string;
  /** Pulls an image of which nothing is here, so far that its root file system can be read. */
  pull(repository: string): Promise<Usage>;
  /** Gives everything of that pull back, so that the next one is cold. */
  discard(repository: string): Promise<void>;
}

/** Who also runs containers. */
export interface Runner {
  readonly name: string;
  /** What is measured of its launch, for the report. */
  readonly how: string;
  /** Does what need not be done for each launch: pulls the image, starts what has to run. */
  prepare(version: string): Promise<void>;
  /**
   * Launches a container from the pulled image.
   *
   * @returns seconds to its first output
   */
  launch(version: string): Promise<number>;
  /**
   * Brings in a new version of the image, which has been pushed to its tag.
   *
   * @returns seconds to the first output of its container
   */
  upgrade(version: string): Promise<number>;
}
