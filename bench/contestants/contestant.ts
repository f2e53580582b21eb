import type { Usage } from "../commands.ts";

/** Who pulls. */
export interface Puller {
  readonly name: string;
  /** What is measured, for the report. */
  readonly how: { readonly pull: string };
  /** Pulls an image of which nothing is here, so far that its root file system can be read. */
  pull(repository: string): Promise<Usage>;
  /** Where the root file system of the pulled image is; the floor has none. */
  rootFs?(repository: string): Promise<string>;
  /** Gives everything of that pull back, so that the next one is cold. */
  discard(repository: string): Promise<void>;
}

/** Who launches containers of the application, which is there already. */
export interface Launcher {
  readonly name: string;
  /** What is measured, for the report. */
  readonly how: { readonly launch: string };
  /**
   * Launches a container of the application.
   *
   * @returns seconds to its first output
   */
  launch(version: string): Promise<number>;
}

/** Who runs containers of the application. */
export interface Runner extends Launcher {
  /** What is measured, for the report. */
  readonly how: { readonly launch: string; readonly upgrade: string };
  /** Does what need not be done for each launch: pulls the application, starts what has to run. */
  prepare(version: string): Promise<void>;
  /**
   * Brings in a new version of the application, which has just been pushed.
   *
   * @returns seconds to the first output of its container
   */
  upgrade(version: string): Promise<number>;
}
