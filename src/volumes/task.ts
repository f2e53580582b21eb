/** What a volume child is told, and what it tells. */
import type { VolumeSettings } from "../config/settings.ts";

/** The hidden command line word that makes `main.ts` a volume child. */
export const VOLUME_CHILD_COMMAND = "__mount";

/**
 * What has to do with file systems and may therefore never come to an end, if a disk or a server does not answer. Standard input
 * of the child, up to its end.
 */
export type VolumeTask =
  | { readonly task: "mount"; readonly volume: VolumeSettings }
  /** Options that all file systems have, and the owner, become those of `volume`. */
  | { readonly task: "remount"; readonly volume: VolumeSettings }
  /** `lazily`: out of sight at once, and gone when nothing uses it any more. */
  | { readonly task: "unmount"; readonly path: string; readonly lazily: boolean }
  /** Grow the file system to the size of its device. */
  | { readonly task: "grow"; readonly path: string; readonly device: string }
  /** Measure how much of it is used. */
  | { readonly task: "measure"; readonly path: string }
  /** Bring everything to the disks. */
  | { readonly task: "sync" };

/** What the tasks bring, by their words. */
export interface VolumeTaskResults {
  mount: MountedVolume;
  remount: null;
  unmount: null;
  grow: Growth | null;
  measure: VolumeUsage;
  sync: null;
}

/** What is mounted. */
export interface MountedVolume {
  /** The device (`/dev/nvme1n1`), or what the server exports. */
  readonly source: string;
  /** Where it is mounted, without symlinks. */
  readonly mountPoint: string;
  /** The kernel's name of the device (`nvme1n1`); undefined if there is none. */
  readonly disk?: string;
  /** Bytes of the device for which the file system was grown, or could not be; undefined if that was not tried. */
  readonly diskSize?: number;
  /** Said if it has grown on the occasion. */
  readonly growth?: Growth;
  /** Why it could not grow, the outermost cause first. That it is smaller than it could be is no reason not to use it. */
  readonly growthError?: readonly string[];
}

/** Sizes of a file system that has grown, in bytes. */
export interface Growth {
  readonly from: number;
  readonly to: number;
}

/** Sizes in bytes. */
export interface VolumeUsage {
  readonly size: number;
  readonly used: number;
}

/** A line of JSON on the child's standard output. The last one is a result. */
export type VolumeMessage =
  /** Something that has been done and is worth a line in the log. */
  | { readonly note: string }
  | { readonly done: VolumeTaskResults[keyof VolumeTaskResults] }
  /** What went wrong, the outermost cause first; `noDevice`: all that is missing is the device. */
  | { readonly failed: readonly string[]; readonly noDevice: boolean };
