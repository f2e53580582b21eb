import { getLogger } from "@logtape/logtape";
import type { MountSettings, VolumeSettings } from "../config/settings.ts";
import { errorChain } from "../log/error_chain.ts";
import {
  type Surroundings,
  VolumeDriver,
  type VolumeServices,
  type VolumeStatus,
} from "./volume_driver.ts";
import { isBelow, reaches } from "./volume_paths.ts";

const logger = getLogger(["frontloader", "volumes"]);

/** What all volumes together need of the machine. */
export interface VolumeManagerServices extends VolumeServices {
  /** Calls when devices come or change, until the result is disposed of. */
  watchDevices(onChange: () => void): Disposable;
  /**
   * Brings everything to the disks.
   *
   * @param patience so many milliseconds it may take
   */
  sync(patience: number): Promise<void>;
}

/** How often disks are looked at, besides, and file systems measured that may not answer. */
const LOOK_MS = 60_000;
/** So long a disk has to take what was written, and a server. Then its volume is unmounted lazily. */
const UNMOUNT_PATIENCE_MS = { xfs: 60_000, nfs4: 10_000 };
/** So long everything has to reach the disks. */
const SYNC_PATIENCE_MS = 120_000;
/** The same, when sync(2) will wait in vain for a server that did not let go of its volume. */
const VAIN_SYNC_PATIENCE_MS = 10_000;

/** Somebody who waits for volumes. */
interface Waiter {
  readonly mounts: readonly MountSettings[];
  readonly resolve: () => void;
}

/** Keeps the configured volumes mounted, and tells who has to wait for one. */
export class VolumeManager {
  readonly #services: VolumeManagerServices;
  /** In the order of the configuration; those that were removed and are still there come last. */
  #drivers = new Map<string, VolumeDriver>();
  #settings: readonly VolumeSettings[] = [];
  #usedByContainers: readonly MountSettings[] = [];
  readonly #waiters = new Set<Waiter>();
  #watch: Disposable | undefined;
  #lookTimer: ReturnType<typeof setInterval> | undefined;
  #settling = false;
  #stopped = false;

  constructor(services: VolumeManagerServices) {
    this.#services = services;
  }

  /** Brings what is mounted in line with the configuration; returns at once. */
  configure(volumes: readonly VolumeSettings[]): void {
    if (this.#stopped) return;
    this.#settings = volumes;
    const before = this.#drivers;
    this.#drivers = new Map();
    for (const { path } of volumes) {
      this.#drivers.set(
        path,
        before.get(path) ?? new VolumeDriver(path, this.#services, () => this.#settle()),
      );
    }
    const removed = [...before].filter(([path]) => !this.#drivers.has(path));
    for (const [path, driver] of removed) this.#drivers.set(path, driver);
    // What is new must not be hidden by what is removed, nor mounted on it: all of it is known before anything happens.
    this.#whileSettling(() => {
      for (const [, driver] of removed) driver.configure(undefined);
      for (const volume of volumes) this.#drivers.get(volume.path)!.configure(volume);
    });
    if (volumes.length > 0) this.#startLooking();
  }

  /** Tells what the containers that run, or are about to, mount of the machine. */
  setUsed(mounts: readonly MountSettings[]): void {
    this.#usedByContainers = mounts;
    this.#settle();
  }

  /**
   * The first volume that a container with these mounts would have to wait for.
   *
   * @returns its path; undefined if there is none
   */
  missing(mounts: readonly MountSettings[]): string | undefined {
    for (const { path, isReady } of this.#drivers.values()) {
      if (this.#isConfigured(path) && !isReady && isReachedBy(mounts, path)) return path;
    }
    return undefined;
  }

  /**
   * Resolves once all volumes are there that a container with these mounts needs; at once if that is so now.
   *
   * @throws the signal's reason once it is aborted
   */
  whenReady(mounts: readonly MountSettings[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.missing(mounts) === undefined) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { mounts, resolve };
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    this.#waiters.add(waiter);
    return promise.finally(() => {
      signal.removeEventListener("abort", onAbort);
      this.#waiters.delete(waiter);
    });
  }

  /** What all volumes are doing. */
  status(): VolumeStatus[] {
    return Array.from(this.#drivers.values(), (driver) => driver.status());
  }

  /**
   * Unmounts all volumes, the last one first, and brings everything to the disks. No container runs any more. Nothing that
   * hangs can keep this from coming to an end.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#lookTimer);
    this.#watch?.[Symbol.dispose]();
    this.setUsed([]);
    const paths = [...this.#drivers.keys()];
    if (paths.length === 0) return;
    // One that could not be unmounted is not in the way of those above it: they go lazily too, then.
    for (const path of unmountOrder(paths)) {
      const fstype = this.#isRemote(path) ? "nfs4" : "xfs";
      await this.#drivers.get(path)!.stop(UNMOUNT_PATIENCE_MS[fstype]);
    }
    try {
      const isVain = paths.some((path) => this.#isRemote(path) && !this.#drivers.get(path)?.isGone);
      await this.#services.sync(isVain ? VAIN_SYNC_PATIENCE_MS : SYNC_PATIENCE_MS);
    } catch (error) {
      const reason = errorChain(error).join(": ");
      logger.error("Cannot bring everything to the disks: {reason}", { reason });
    }
  }

  #startLooking(): void {
    const look = () => {
      for (const driver of this.#drivers.values()) driver.look();
    };
    try {
      this.#watch ??= this.#services.watchDevices(() => {
        logger.debug("The kernel says that a disk has changed");
        look();
      });
    } catch (error) {
      const reason = errorChain(error).join(": ");
      logger.warn("Devices are looked at every minute only: {reason}", { reason });
      this.#watch = { [Symbol.dispose]: () => {} };
    }
    this.#lookTimer ??= setInterval(() => {
      look();
      for (const driver of this.#drivers.values()) driver.measure();
    }, LOOK_MS);
  }

  #isConfigured(path: string): boolean {
    return this.#settings.some((volume) => volume.path === path);
  }

  /** Tells every volume what is around it, until that does not change anything any more. */
  #settle(): void {
    // A driver that changes calls this while it is being told.
    if (this.#settling) return;
    this.#whileSettling(() => {});
  }

  #whileSettling(action: () => void): void {
    this.#settling = true;
    try {
      action();
      let before: string;
      do {
        before = this.#picture();
        for (const [path, driver] of this.#drivers) {
          driver.surround(this.#surroundingsOf(path));
          if (driver.isGone && !this.#isConfigured(path)) this.#drivers.delete(path);
        }
      } while (this.#picture() !== before);
    } finally {
      this.#settling = false;
    }
    for (const { mounts, resolve } of this.#waiters) {
      if (this.missing(mounts) === undefined) resolve();
    }
  }

  /** What the surroundings of all volumes follow from. */
  #picture(): string {
    return Array.from(
      this.#drivers,
      ([path, { isReady, isPresent, isWanted }]) => [path, isReady, isPresent, isWanted].join(),
    ).join("\n");
  }

  #surroundingsOf(path: string): Surroundings {
    const others = [...this.#drivers.values()];
    const below = others.find((other) => isBelow(other.path, path) && other.isPresent);
    return {
      blockedBy: this.#obstacle(path, others, below),
      used: below !== undefined || isReachedBy(this.#usedByContainers, path),
      remote: this.#isRemote(path),
    };
  }

  #obstacle(
    path: string,
    others: readonly VolumeDriver[],
    below: VolumeDriver | undefined,
  ): string | undefined {
    const above = others.find((other) =>
      isBelow(path, other.path) && (other.isWanted ? !other.isReady : other.isPresent)
    );
    if (above?.isWanted) return `waiting for "${above.path}"`;
    if (above !== undefined) return `waiting for the end of "${above.path}"`;
    if (below !== undefined) return `would hide "${below.path}": needs a restart`;
    return undefined;
  }

  /** True if a server must answer for a path to be reached. */
  #isRemote(path: string): boolean {
    return [...this.#drivers.values()].some((driver) =>
      driver.isRemote && (driver.path === path || isBelow(path, driver.path))
    );
  }
}

function isReachedBy(mounts: readonly MountSettings[], path: string): boolean {
  return mounts.some(({ outside }) => reaches(outside, path));
}

/** The last one first, but what lies below another before it. */
function unmountOrder(paths: readonly string[]): string[] {
  const ordered = new Set<string>();
  const visit = (path: string) => {
    for (const other of paths.toReversed()) if (isBelow(other, path)) visit(other);
    ordered.add(path);
  };
  for (const path of paths.toReversed()) visit(path);
  return [...ordered];
}
