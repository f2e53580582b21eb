import type { VolumeSettings } from "../config/settings.ts";
import { isReadOnly, parseMountOptions } from "./mount_options.ts";
import type { Growth, MountedVolume, VolumeUsage } from "./task.ts";

/** What is needed of the machine to know the size of a mounted volume, and to change it. */
export interface VolumeSizeServices {
  /** Grows a mounted XFS to the size of its device; undefined if there is nothing to gain. It may never come to an end. */
  grow(volume: VolumeSettings, device: string): Promise<Growth | undefined>;
  /** Size of a block device by its name, as the kernel knows it; undefined if it is gone. Never blocks. */
  diskSize(disk: string): number | undefined;
  /** Measures a file system on a disk of this machine. */
  usage(path: string): VolumeUsage;
  /** Measures a file system that may not answer. */
  measure(path: string): Promise<VolumeUsage>;
}

/** The size of one volume as long as it is mounted: what of it is used, and whether it could be larger. */
export class VolumeSize {
  readonly #path: string;
  readonly #mounted: MountedVolume;
  readonly #services: VolumeSizeServices;
  #usage: VolumeUsage | undefined;
  #measuring = false;
  #growing: Promise<void> | undefined;
  /** The size of the disk to which the file system has been grown, or could not be. */
  #knownDiskSize: number | undefined;

  /** @param path where it has just been mounted */
  constructor(path: string, mounted: MountedVolume, services: VolumeSizeServices) {
    this.#path = path;
    this.#mounted = mounted;
    this.#services = services;
    this.#knownDiskSize = mounted.diskSize;
  }

  /** Resolves once it does not grow any more: whoever grows it has it open. */
  async settled(): Promise<void> {
    await this.#growing;
  }

  /**
   * How large it is, and how much of it is used.
   *
   * @param remote true if a server has to answer for that: then it is what was measured last
   * @returns undefined if that is not known
   */
  usage(remote: boolean): VolumeUsage | undefined {
    if (remote) return this.#usage;
    try {
      return this.#services.usage(this.#path);
    } catch {
      // It is out of order, or is being unmounted; the status has other words for that.
      return undefined;
    }
  }

  /** Measures it, in a process of its own, unless that is going on. */
  measure(): void {
    if (this.#measuring) return;
    this.#measuring = true;
    this.#services.measure(this.#path).then(
      (usage) => this.#usage = usage,
      // A server that does not answer: what is known stays, and the volume's users notice by themselves.
      () => {},
    ).finally(() => this.#measuring = false);
  }

  /**
   * Grows it if its disk is not as large any more as it was. What could not be grown is not tried again every minute: the next
   * change of the disk is another chance.
   *
   * @param volume how it is mounted; read-only it does not grow
   * @param report `grown`: called if it has grown; `failed`: called if it could not; `over`: called after that, since the disk may
   * have changed again in between
   */
  check(
    volume: VolumeSettings,
    report: {
      readonly grown: (growth: Growth) => void;
      readonly failed: (error: unknown) => void;
      readonly over: () => void;
    },
  ): void {
    if (volume.fstype !== "xfs" || isReadOnly(parseMountOptions(volume.options))) return;
    const size = this.#diskSize();
    if (this.#growing !== undefined || size === undefined || size === this.#knownDiskSize) return;
    this.#knownDiskSize = size;
    this.#growing = this.#services.grow(volume, this.#mounted.source).then(
      (growth) => growth && report.grown(growth),
      report.failed,
    ).finally(() => {
      this.#growing = undefined;
      report.over();
    });
  }

  #diskSize(): number | undefined {
    const { disk } = this.#mounted;
    return disk === undefined ? undefined : this.#services.diskSize(disk);
  }
}
