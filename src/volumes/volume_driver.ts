import { getLogger, type Logger } from "@logtape/logtape";
import type { VolumeSettings } from "../config/settings.ts";
import { backoffMs } from "../container/backoff.ts";
import type { StatusError } from "../container/container_driver.ts";
import { errorChain } from "../log/error_chain.ts";
import { formatBytes } from "./format_bytes.ts";
import {
  advanceVolume,
  initialVolumeState,
  isVolumeGone,
  isVolumePresent,
  isVolumeReady,
  type VolumeEffect,
  type VolumeEvent,
  type VolumeState,
} from "./lifecycle.ts";
import { NoDeviceError } from "./no_device_error.ts";
import type { Growth, MountedVolume } from "./task.ts";
import { VolumeSize, type VolumeSizeServices } from "./volume_size.ts";

/** What drivers need of the machine; tests give them others. */
export interface VolumeServices extends VolumeSizeServices {
  /** Mounts a volume. Like all that returns a promise here it may never do so. */
  mount(
    volume: VolumeSettings,
    options: { readonly signal: AbortSignal; readonly onNote: (note: string) => void },
  ): Promise<MountedVolume>;
  /** True if something is mounted there, without symlinks in the path, as the kernel knows without asking it. */
  isMountPoint(path: string): boolean;
  /** Gives a mounted volume other options and another owner. */
  remount(volume: VolumeSettings): Promise<void>;
  /** Unmounts; `lazily`: whatever uses it keeps it, out of sight. */
  unmount(volume: VolumeSettings, options: { readonly lazily: boolean }): Promise<void>;
}

/** What `frontloader status` tells of one volume. */
export interface VolumeStatus {
  readonly path: string;
  readonly state: string;
  /** As the configuration names it. */
  readonly device: string;
  /** What is mounted: `/dev/nvme1n1`; undefined while nothing is. */
  readonly source: string | undefined;
  readonly fstype: string;
  /** Bytes; undefined while nothing is mounted, or it has not answered yet. */
  readonly size: number | undefined;
  readonly used: number | undefined;
  /** Tries to mount, or to unmount, that failed in a row. */
  readonly failures: number;
  /** The last thing that went wrong, kept until something else does. */
  readonly lastError: StatusError | undefined;
}

/** What is around a volume. */
export interface Surroundings {
  /** What is in the way of mounting it, for a person; undefined if nothing. */
  readonly blockedBy: string | undefined;
  /** True while a container, or a volume below, uses it. */
  readonly used: boolean;
  /** True if a server must answer for its path to be reached. */
  readonly remote: boolean;
}

/** Drives one volume: carries out what `lifecycle.ts` decides, and tells it what happens. */
export class VolumeDriver {
  readonly path: string;
  readonly #services: VolumeServices;
  readonly #onChange: () => void;
  readonly #logger: Logger;
  readonly #gone = new Set<() => void>();
  #state: VolumeState = initialVolumeState;
  #surroundings: Surroundings = { blockedBy: undefined, used: false, remote: false };
  /** What it was configured with last; the status tells of it when it is not wanted any more, too. */
  #settings: VolumeSettings | undefined;
  #mount: AbortController | undefined;
  #mounted: MountedVolume | undefined;
  #size: VolumeSize | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #lastError: StatusError | undefined;

  /** @param onChange called after every change of its state */
  constructor(path: string, services: VolumeServices, onChange: () => void) {
    this.path = path;
    this.#services = services;
    this.#onChange = onChange;
    this.#logger = getLogger(["frontloader", path]);
  }

  /** @param settings undefined when it shall not be mounted any more */
  configure(settings: VolumeSettings | undefined): void {
    this.#settings = settings ?? this.#settings;
    this.#dispatch({ type: "configured", settings });
  }

  /** Tells what is around it now. */
  surround(surroundings: Surroundings): void {
    const { blockedBy, used } = surroundings;
    const { blocked: wasBlocked, used: wasUsed } = this.#state;
    this.#surroundings = surroundings;
    const blocked = blockedBy !== undefined;
    if (blocked === wasBlocked && used === wasUsed) return;
    this.#dispatch({ type: "surrounded", blocked, used });
  }

  /** Called when devices of the machine may have come or changed, and every now and then. */
  look(): void {
    this.#dispatch({ type: "devicesChanged" });
    this.#lookWhetherMounted();
    this.#lookWhetherLarger();
  }

  #lookWhetherLarger(): void {
    const { phase } = this.#state;
    if (phase.tag !== "mounted") return;
    this.#size?.check(phase.settings, {
      grown: (growth) => this.#noteGrowth(growth),
      failed: (error) => this.#reportGrowth(errorChain(error)),
      over: () => this.#lookWhetherLarger(),
    });
  }

  /** A container that starts on a volume that somebody has unmounted writes into the directory below it. */
  #lookWhetherMounted(): void {
    const { phase } = this.#state;
    if (phase.tag !== "mounted" && phase.tag !== "stale" && phase.tag !== "busy") return;
    if (this.#mounted === undefined || this.#services.isMountPoint(this.#mounted.mountPoint)) {
      return;
    }
    this.#report("Somebody has unmounted it", []);
    this.#forgetMount();
    this.#dispatch({ type: "lost" });
  }

  #forgetMount(): void {
    this.#mounted = undefined;
    this.#size = undefined;
  }

  /** Called every now and then. */
  measure(): void {
    if (this.#surroundings.remote) this.#size?.measure();
  }

  /** True if containers may start on it. */
  get isReady(): boolean {
    return isVolumeReady(this.#state);
  }

  /** True if something is, or may be, mounted there. */
  get isPresent(): boolean {
    return isVolumePresent(this.#state);
  }

  /** True if it is a server's, or what is mounted there still is. */
  get isRemote(): boolean {
    const { phase } = this.#state;
    const settings = "settings" in phase ? phase.settings : this.#settings;
    return settings?.fstype === "nfs4";
  }

  /** True if it is to be mounted. */
  get isWanted(): boolean {
    return this.#state.wanted !== undefined;
  }

  /** True once it is not wanted and nothing is mounted there. */
  get isGone(): boolean {
    return isVolumeGone(this.#state);
  }

  /**
   * Unmounts it for good.
   *
   * @param patience milliseconds after which it is unmounted lazily
   */
  async stop(patience: number): Promise<void> {
    this.configure(undefined);
    const settings = this.#settings;
    if (this.isGone || settings === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gone.add(resolve);
    const timer = setTimeout(resolve, patience);
    await promise;
    clearTimeout(timer);
    clearTimeout(this.#retryTimer);
    if (this.isGone) return;
    this.#logger.warn("Not unmounted within {seconds} s: unmounting it lazily", {
      seconds: patience / 1000,
    });
    try {
      await this.#services.unmount(settings, { lazily: true });
    } catch (error) {
      this.#report("Cannot unmount it lazily either", errorChain(error));
    }
  }

  /** What it is doing. */
  status(): VolumeStatus {
    const { phase } = this.#state;
    const usage = this.#size?.usage(this.#surroundings.remote);
    return {
      path: this.path,
      state: this.#describe(),
      device: this.#settings?.device ?? "",
      source: this.#mounted?.source,
      fstype: this.#settings?.fstype ?? "",
      size: usage?.size,
      used: usage?.used,
      failures: "failures" in phase ? phase.failures : 0,
      lastError: this.#lastError,
    };
  }

  #describe(): string {
    const { phase, wanted } = this.#state;
    switch (phase.tag) {
      case "absent":
        return this.#surroundings.blockedBy ?? "not mounted";
      case "waiting":
        return phase.cause === "noDevice" ? "waiting for its device" : "waiting to retry";
      case "mounted":
        return wanted === undefined ? "mounted until nothing uses it any more" : "mounted";
      case "stale":
        return "mounted as before the change: needs a restart";
      case "busy":
        return "in use, to be unmounted";
      case "mounting":
      case "remounting":
      case "unmounting":
        return phase.tag;
    }
  }

  #dispatch(event: VolumeEvent): void {
    const before = this.#state;
    const { state, effects } = advanceVolume(before, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    if (this.isGone) {
      for (const resolve of this.#gone) resolve();
      this.#gone.clear();
    }
    if (state !== before) this.#onChange();
  }

  #perform(effect: VolumeEffect): void {
    switch (effect.type) {
      case "mount":
        return void this.#startMount(effect.settings);
      case "cancelMount":
        this.#mount?.abort();
        return;
      case "remount":
        return void this.#remount(effect.settings);
      case "unmount":
        return void this.#unmount(effect.settings);
      case "retryLater":
        return this.#retryLater(effect.failures);
      case "cancelRetry":
        clearTimeout(this.#retryTimer);
        return;
      case "needsRestart":
        this.#logger.warn(
          "The new settings need a restart: they come into force once no container uses the volume",
        );
        return;
    }
  }

  async #startMount(settings: VolumeSettings): Promise<void> {
    const abort = new AbortController();
    this.#mount = abort;
    let mounted: MountedVolume;
    try {
      mounted = await this.#services.mount(settings, {
        signal: abort.signal,
        onNote: (note) => this.#logger.info("{note}", { note }),
      });
    } catch (error) {
      const noDevice = error instanceof NoDeviceError;
      if (!abort.signal.aborted) this.#reportMountFailure(error, noDevice);
      this.#dispatch({ type: "mountFailed", cause: noDevice ? "noDevice" : "failure" });
      return;
    }
    this.#mounted = mounted;
    this.#size = new VolumeSize(this.path, mounted, this.#services);
    const { source } = mounted;
    const options = settings.options || undefined;
    this.#logger.info("Mounted {source}", { source, fstype: settings.fstype, options });
    this.#noteGrowth(mounted.growth);
    if (mounted.growthError !== undefined) this.#reportGrowth(mounted.growthError);
    this.#dispatch({ type: "mounted" });
    this.measure();
  }

  async #remount(settings: VolumeSettings): Promise<void> {
    try {
      await this.#services.remount(settings);
    } catch (error) {
      this.#report("Cannot change how it is mounted", errorChain(error));
      this.#dispatch({ type: "remountFailed" });
      return;
    }
    this.#logger.info("Remounted", { options: settings.options });
    this.#dispatch({ type: "remounted" });
  }

  async #unmount(settings: VolumeSettings): Promise<void> {
    try {
      await this.#size?.settled();
      await this.#services.unmount(settings, { lazily: false });
    } catch (error) {
      this.#report("Cannot unmount it", errorChain(error));
      this.#dispatch({ type: "unmountFailed" });
      return;
    }
    this.#forgetMount();
    this.#logger.info("Unmounted");
    this.#dispatch({ type: "unmounted" });
  }

  #noteGrowth(growth: Growth | undefined): void {
    if (growth === undefined) return;
    const { from, to } = growth;
    this.#logger.info("Grown from {from} to {to}, as its device has", {
      from: formatBytes(from),
      to: formatBytes(to),
      bytesBefore: from,
      bytes: to,
    });
  }

  #retryLater(failures: number): void {
    const delayMs = backoffMs(failures, Math.random());
    this.#retryTimer = setTimeout(() => this.#dispatch({ type: "retryDue" }), delayMs);
  }

  /** Said when it is new: a device may be missing for long. */
  #reportMountFailure(error: unknown, noDevice: boolean): void {
    const message = errorChain(error).join(": ");
    const isNew = message !== this.#lastError?.message;
    this.#noteError(message);
    if (!isNew) return;
    if (noDevice) this.#logger.warn("{message}: waiting for it", { message });
    else this.#logger.error("{message}; it is tried again with back-off", { message });
  }

  #reportGrowth(reasons: readonly string[]): void {
    this.#report("Cannot grow it to the size of its device", reasons);
  }

  #report(what: string, reasons: readonly string[]): void {
    const text = [what, ...reasons].join(": ");
    const isNew = text !== this.#lastError?.message;
    this.#noteError(text);
    if (isNew) this.#logger.error("{text}", { text });
  }

  #noteError(message: string): void {
    this.#lastError = { at: new Date().toISOString(), message };
  }
}
