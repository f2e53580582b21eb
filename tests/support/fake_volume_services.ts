import type { VolumeSettings } from "../../src/config/settings.ts";
import type { Growth, MountedVolume, VolumeUsage } from "../../src/volumes/task.ts";
import type { VolumeManagerServices } from "../../src/volumes/volume_manager.ts";

/** Something that was asked of the machine, to be answered by the test. */
export interface FakeTask {
  /** `mount /srv`, `unmount /srv`, `unmount /srv lazily`, `remount /srv`, `grow /srv`, `measure /srv`, `sync` */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  succeed(result?: unknown): void;
  fail(error: unknown): void;
}

/** Services that note what drivers ask of them and do nothing by themselves. */
export class FakeVolumeServices implements VolumeManagerServices {
  /** What was asked for and not answered yet. */
  readonly open: FakeTask[] = [];
  /** All that was asked for, in its order. */
  readonly asked: string[] = [];
  /** Sizes of disks by the kernel's names; a device of `/dev/sdb` is the disk `sdb`. */
  readonly disks = new Map<string, number>();
  /** Where somebody else has unmounted what was mounted. */
  readonly lost = new Set<string>();
  /** Called by the test when a device has come. */
  onDevices: (() => void) | undefined;

  mount(
    { path, device }: VolumeSettings,
    { signal }: { signal: AbortSignal },
  ): Promise<MountedVolume> {
    const disk = device.replace("/dev/", "");
    const mounted: MountedVolume = {
      source: device,
      mountPoint: path,
      disk,
      diskSize: this.disks.get(disk),
    };
    return this.#ask(`mount ${path}`, signal).then((result) =>
      (result ?? mounted) as MountedVolume
    );
  }

  isMountPoint(path: string): boolean {
    return !this.lost.has(path);
  }

  async remount({ path, options }: VolumeSettings): Promise<void> {
    await this.#ask(`remount ${path} ${options}`);
  }

  async unmount({ path }: VolumeSettings, { lazily }: { lazily: boolean }): Promise<void> {
    await this.#ask(`unmount ${path}${lazily ? " lazily" : ""}`);
  }

  async grow({ path }: VolumeSettings): Promise<Growth | undefined> {
    return await this.#ask(`grow ${path}`) as Growth | undefined;
  }

  async measure(path: string): Promise<VolumeUsage> {
    return await this.#ask(`measure ${path}`) as VolumeUsage;
  }

  async sync(): Promise<void> {
    await this.#ask("sync");
  }

  diskSize(disk: string): number | undefined {
    return this.disks.get(disk);
  }

  usage(): VolumeUsage {
    return { size: 1000, used: 10 };
  }

  watchDevices(onChange: () => void): Disposable {
    this.onDevices = onChange;
    return { [Symbol.dispose]: () => this.onDevices = undefined };
  }

  /** What was asked for since this was called last, and removes it from the list. */
  takeAsked(): string[] {
    return this.asked.splice(0);
  }

  /** The request with these words that is not answered yet; it is answered once. */
  task(what: string): FakeTask {
    const index = this.open.findIndex((task) => task.what === what);
    if (index < 0) {
      throw new Error(`Nobody asked for "${what}": ${this.open.map(({ what }) => what)}`);
    }
    return this.open.splice(index, 1)[0]!;
  }

  #ask(what: string, signal?: AbortSignal): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.open.push({ what, signal, succeed: resolve, fail: reject });
    this.asked.push(what);
    return promise;
  }
}
