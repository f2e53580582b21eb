import { getLogger } from "@logtape/logtape";
import type { MountSettings, Settings, SyslogSettings } from "../config/settings.ts";
import type { ConfigurationSource } from "../config/source/configuration_source.ts";
import type { LoadedSettings } from "../config/source/load_primary.ts";
import { backoffMs } from "../container/backoff.ts";
import {
  ContainerDriver,
  type ContainerStatus,
  type DriverServices,
} from "../container/container_driver.ts";
import type { InstanceProcess } from "../container/process_container.ts";
import type { ChainId } from "../image/chain_id.ts";
import { FreshRun } from "../system/fresh_run.ts";
import type { KernelStatus } from "../system/upgrade/kernel_driver.ts";
import { errorChain } from "../log/error_chain.ts";
import type { VolumeStatus } from "../volumes/volume_driver.ts";
import type { VolumeManager } from "../volumes/volume_manager.ts";

const logger = getLogger(["frontloader", "supervisor"]);

/** What a supervisor needs of the rest of the system. */
export interface SupervisorServices {
  /** Reads and validates the primary configuration. */
  loadSettings(): Promise<LoadedSettings>;
  /** Sets parameters of the kernel, and returns what could not be set, and why. */
  setKernelParameters(parameters: Settings["sysctl"]): readonly string[];
  /** What each container's driver needs. */
  readonly containers: Omit<DriverServices, "onChange">;
  /** The volumes that containers lie on. */
  readonly volumes: Pick<VolumeManager, "configure" | "setUsed" | "status" | "stop">;
  /** Says where the log is sent to from now on. */
  forwardLog(targets: readonly SyslogSettings[]): void;
  /** Removes the layers that are not in use. */
  sweepLayers(inUse: ReadonlySet<ChainId>): void;
}

/** What `frontloader status` tells. */
export interface SupervisorStatus {
  readonly version: string;
  readonly pid: number;
  /** When it started (ISO 8601). */
  readonly since: string;
  readonly configuration: {
    readonly source: string;
    /** The digest of the text of what is applied, `sha256:…`; undefined before the first. */
    readonly digest: string | undefined;
    /** When it was applied (ISO 8601). */
    readonly appliedAt: string | undefined;
    /** When its source was last found to say the same (ISO 8601). */
    readonly readAt: string | undefined;
    /** Why the newest one is not applied; undefined if it is. */
    readonly lastError: { readonly at: string; readonly message: string } | undefined;
    /** What of the applied one could not be put into effect. */
    readonly problems: readonly string[];
  };
  readonly volumes: readonly VolumeStatus[];
  readonly containers: readonly ContainerStatus[];
  /** The machine's own system; absent where that is others' business. */
  readonly kernel?: KernelStatus;
}

/** As long as nothing runs the configuration is read again this soon at the latest: a machine's network may come up late. */
const LONGEST_FIRST_WAIT_MS = 30_000;
/** How long after a change layers are looked through: changes come in groups. */
const SWEEP_DELAY_MS = 1_000;
/** How often a slow shutdown says what it waits for. */
const STOPPING_REMINDER_MS = 60_000;

/** Keeps the configured containers running, and what runs in line with the configuration. */
export class Supervisor {
  readonly #services: SupervisorServices;
  readonly #source: Pick<ConfigurationSource, "description">;
  readonly #version: string;
  readonly #since = new Date();
  readonly #drivers = new Map<string, ContainerDriver>();
  /** Containers that are not wanted any more and have not ended yet, by their ids. */
  readonly #removed = new Map<string, ContainerDriver>();
  #settings: Settings | undefined;
  #digest: string | undefined;
  #appliedAt: Date | undefined;
  #readAt: Date | undefined;
  #configurationError: { readonly at: Date; readonly message: string } | undefined;
  #problems: readonly string[] = [];
  #loadFailures = 0;
  #reloadTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #reloading = new FreshRun(() => this.#reloadOnce());
  #sweepTimer: ReturnType<typeof setTimeout> | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * @param options `source`: where the configuration comes from; `version`: of Frontloader
   */
  constructor(
    services: SupervisorServices,
    { source, version }: { source: Pick<ConfigurationSource, "description">; version: string },
  ) {
    this.#services = services;
    this.#source = source;
    this.#version = version;
  }

  /**
   * Reads the configuration (again) and applies it. A bad one, or none, is said once and tried again later; the last good
   * one stays. Called by the reload timer and on SIGHUP.
   */
  reload(): Promise<void> {
    return this.#reloading.run();
  }

  async #reloadOnce(): Promise<void> {
    clearTimeout(this.#reloadTimer);
    try {
      const { settings, digest } = await this.#services.loadSettings();
      if (this.#stopping !== undefined) return;
      if (this.#configurationError !== undefined) logger.info("The configuration is good again");
      this.#configurationError = undefined;
      this.#loadFailures = 0;
      this.#readAt = new Date();
      if (digest !== this.#digest) {
        this.#appliedAt = this.#readAt;
        this.#apply(settings);
        this.#digest = digest;
      }
    } catch (error) {
      if (this.#stopping !== undefined) return;
      this.#loadFailures++;
      this.#reportBadConfiguration(error);
    }
    this.#scheduleReload();
  }

  #scheduleReload(): void {
    const interval = this.#settings === undefined
      ? LONGEST_FIRST_WAIT_MS
      : this.#settings.reloadInterval * 1000;
    const delayMs = this.#loadFailures === 0
      ? interval
      : Math.min(interval, backoffMs(this.#loadFailures, Math.random()));
    this.#reloadTimer = setTimeout(() => void this.reload(), delayMs);
  }

  #reportBadConfiguration(error: unknown): void {
    const message = errorChain(error).join(": ");
    const isNew = message !== this.#configurationError?.message;
    this.#configurationError = { at: new Date(), message };
    if (!isNew) return;
    const next = this.#settings === undefined
      ? "nothing runs until it is good"
      : "the last good one stays in force";
    for (const line of errorChain(error).join("\n").split("\n")) logger.error("{line}", { line });
    logger.error(
      "Cannot apply the configuration {source}: {next}; it is read again with back-off",
      {
        source: this.#source.description,
        next,
      },
    );
  }

  #apply(settings: Settings): void {
    const before = this.#settings;
    this.#settings = settings;
    const { containers, volumes, checkInterval, sysctl, syslog } = settings;
    this.#services.forwardLog(syslog);
    this.#problems = this.#services.setKernelParameters(sysctl);
    for (const problem of this.#problems) logger.error("{problem}", { problem });
    // Before the containers, which then know what to wait for.
    this.#services.volumes.configure(volumes);
    for (const [id, driver] of this.#drivers) {
      if (containers.some((container) => container.id === id)) continue;
      logger.info("Container {id} was removed from the configuration", { id });
      this.#remove(id, driver, checkInterval);
    }
    for (const container of containers) {
      let driver = this.#drivers.get(container.id);
      if (driver === undefined) {
        if (before !== undefined) {
          logger.info("Container {id} is new in the configuration", { id: container.id });
        }
        driver = this.#takeBack(container.id) ?? new ContainerDriver(container.id, {
          ...this.#services.containers,
          onChange: () => {
            this.#services.volumes.setUsed(this.#mountsInUse());
            this.#sweepSoon();
          },
        });
        this.#drivers.set(container.id, driver);
      }
      driver.configure(container, checkInterval);
    }
  }

  #remove(id: string, driver: ContainerDriver, checkInterval: number): void {
    this.#drivers.delete(id);
    this.#removed.set(id, driver);
    driver.configure(undefined, checkInterval);
    driver.gone.then(() => {
      if (this.#removed.get(id) === driver) this.#removed.delete(id);
    });
  }

  /** A container that was removed and has not ended yet: the new one of that name must know of what still runs. */
  #takeBack(id: string): ContainerDriver | undefined {
    const driver = this.#removed.get(id);
    this.#removed.delete(id);
    return driver;
  }

  /**
   * Checks the registry now.
   *
   * @param id of one container; undefined for all
   * @returns what came of it by container id; undefined if there is no such container
   */
  async update(id: string | undefined): Promise<Record<string, string> | undefined> {
    const chosen = id === undefined
      ? [...this.#drivers]
      : [...this.#drivers].filter(([other]) => other === id);
    if (id !== undefined && chosen.length === 0) return undefined;
    const results = await Promise.all(
      chosen.map(async ([id, driver]) => [id, await driver.update()]),
    );
    return Object.fromEntries(results);
  }

  /** Every instance that runs. */
  get instances(): InstanceProcess[] {
    return Array.from(
      this.#allDrivers(),
      ({ id, pids }) => pids.map((pid) => ({ id, pid })),
    ).flat();
  }

  /** What runs, since when, from which digest. */
  status(): SupervisorStatus {
    return {
      version: this.#version,
      pid: Deno.pid,
      since: this.#since.toISOString(),
      configuration: {
        source: this.#source.description,
        digest: this.#digest,
        appliedAt: this.#appliedAt?.toISOString(),
        readAt: this.#readAt?.toISOString(),
        lastError: this.#configurationError === undefined ? undefined : {
          at: this.#configurationError.at.toISOString(),
          message: this.#configurationError.message,
        },
        problems: this.#problems,
      },
      volumes: this.#services.volumes.status(),
      containers: Array.from(this.#allDrivers(), (driver) => driver.status()),
    };
  }

  /**
   * Asks every container to end and waits until all have, however long they take. Then volumes are unmounted.
   */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stopAll();
  }

  async #stopAll(): Promise<void> {
    clearTimeout(this.#reloadTimer);
    for (const [id, driver] of [...this.#drivers]) this.#remove(id, driver, 0);
    const reminder = setInterval(() => {
      const pids = [...this.#removed.values()].flatMap((driver) => driver.pids);
      logger.info("Still waiting for containers to end", { pids });
    }, STOPPING_REMINDER_MS);
    await Promise.all(Array.from(this.#removed.values(), (driver) => driver.gone));
    clearInterval(reminder);
    clearTimeout(this.#sweepTimer);
    await this.#services.volumes.stop();
  }

  #mountsInUse(): MountSettings[] {
    return Array.from(this.#allDrivers(), (driver) => driver.mountsInUse).flat();
  }

  *#allDrivers(): Generator<ContainerDriver> {
    yield* this.#drivers.values();
    yield* this.#removed.values();
  }

  #sweepSoon(): void {
    if (this.#stopping !== undefined || this.#sweepTimer !== undefined) return;
    this.#sweepTimer = setTimeout(() => {
      this.#sweepTimer = undefined;
      const inUse = new Set<ChainId>();
      for (const driver of this.#allDrivers()) {
        for (const layer of driver.layersInUse) inUse.add(layer);
      }
      try {
        this.#services.sweepLayers(inUse);
      } catch (error) {
        // Unused layers take memory, no more: nothing that runs may suffer from it.
        const reason = errorChain(error).join(": ");
        logger.error("Cannot remove the layers that are not in use: {reason}", { reason });
      }
    }, SWEEP_DELAY_MS);
  }
}
