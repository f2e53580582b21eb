import { isDeepStrictEqual } from "node:util";
import { getLogger, type Logger } from "@logtape/logtape";
import type { ExitStatus } from "../../ffi/process.ts";
import { type ContainerSettings, type MountSettings, sameContainer } from "../config/settings.ts";
import type { ChainId } from "../image/chain_id.ts";
import type { PulledImage } from "../image/pull_image.ts";
import { errorChain } from "../log/error_chain.ts";
import { OUTPUT_CATEGORY } from "../log/log.ts";
import type { Digest } from "../registry/digest.ts";
import { formatReference } from "../registry/reference.ts";
import { FreshRun } from "../system/fresh_run.ts";
import { backoffMs } from "./backoff.ts";
import type { InstanceCgroup } from "./cgroup/instance_cgroup.ts";
import type { Leftover } from "./leftovers.ts";
import { describeExit } from "./children.ts";
import { type JobOutput, JobRuns, type JobStart, type JobStatus } from "./cron/job_runs.ts";
import { DEFAULT_TIME_ZONE, isTimeZone, nextRun } from "./cron/schedule.ts";
import type { FinalSignal } from "./final_signal.ts";
import type { RunningJob } from "./job_launcher.ts";
import type { OutputStream } from "./launcher.ts";
import {
  advance,
  type ContainerEffect,
  type ContainerEvent,
  type ContainerState,
  initialState,
  type InstanceNumber,
  isGone,
  type Release,
} from "./lifecycle.ts";

/** An instance that runs. */
export interface RunningInstance {
  readonly pid: number;
  /** Resolves when it has ended and nothing of it is left. */
  readonly ended: Promise<ExitStatus>;
  /** Asks it to end. */
  terminate(signal: FinalSignal): void;
  /** Ends it, and everything in it, at once. */
  kill(): void;
  /** The cgroup with its processes; absent where it has none of its own. */
  readonly cgroup?: InstanceCgroup;
  /** Starts a job in it; resolves once the job's program runs. */
  startJob(command: readonly string[], onLine: JobOutput): Promise<RunningJob>;
  /** What its environment says of the time zone. */
  readonly timeZone: string | undefined;
}

/** What a driver needs of the rest of the system; tests give it others. */
export interface DriverServices {
  /** Pulls a container's image, in a process of its own. */
  pull(settings: ContainerSettings, signal: AbortSignal): Promise<PulledImage>;
  /** Asks the registry which digest the container's tag names now. */
  resolveDigest(settings: ContainerSettings, signal: AbortSignal): Promise<Digest>;
  /** Launches an instance; resolves once its program runs. */
  launch(
    release: Release,
    onLine: (line: string, stream: OutputStream) => void,
  ): Promise<RunningInstance>;
  /** The volume that is not there and that the container's mounts lie on; undefined if there is none. */
  missingVolume(settings: ContainerSettings): string | undefined;
  /** Called after every change, when layers or volumes may have become unused. */
  onChange(): void;
  /** Instances of the container that a Frontloader before this one has left behind, and that have not ended. */
  leftovers?(id: string): readonly Pick<Leftover, "pid" | "ended" | "kill">[];
  /** When a job runs next; in the place of the one that there is. */
  readonly nextRun?: typeof nextRun;
}

/** What `frontloader status` tells of one instance. */
export interface InstanceStatus {
  readonly pid: number | undefined;
  readonly image: string;
  readonly digest: Digest;
  /** Time at which its program started (ISO 8601); undefined while it is being launched. */
  readonly since: string | undefined;
  readonly state: "starting" | "running" | "settling" | "leaving";
}

/** What `frontloader status` tells of one container. */
export interface ContainerStatus {
  readonly id: string;
  readonly state: string;
  readonly instances: readonly InstanceStatus[];
  /** Starts and pulls that failed in a row. */
  readonly failures: number;
  /** Its cron jobs, in the order of the configuration. */
  readonly jobs: readonly JobStatus[];
  /** The last thing that went wrong, kept until something else does. */
  readonly lastError: StatusError | undefined;
}

/** An error that `frontloader status` tells of. */
export interface StatusError {
  /** When (ISO 8601). */
  readonly at: string;
  readonly message: string;
}

interface Instance {
  readonly release: Release;
  running: RunningInstance | undefined;
  since: Date | undefined;
  /** What asks it to end, by the newest settings. */
  finalSignal: FinalSignal;
  terminateAsked: boolean;
  killAsked: boolean;
}

/** An instance that ran so long starts with a clean record when it ends. */
const HEALTHY_MS = 600_000;

type TimerName = "retryPull" | "restart" | "settle" | "kill" | "check";

/** Drives one container: carries out what `lifecycle.ts` decides, and tells it what happens. */
export class ContainerDriver {
  readonly #id: string;
  readonly #services: DriverServices;
  readonly #logger: Logger;
  readonly #output: Logger;
  readonly #jobs: JobRuns;
  /** Instances of a Frontloader before this one. Their numbers are those before the first. */
  readonly #leftovers = new Map<InstanceNumber, Pick<Leftover, "pid" | "kill">>();
  #timeZone = DEFAULT_TIME_ZONE;
  /** What the instance that serves, or served last, says of it. */
  #timeZoneWanted: string = DEFAULT_TIME_ZONE;
  readonly #instances = new Map<InstanceNumber, Instance>();
  readonly #timers = new Map<TimerName, ReturnType<typeof setTimeout>>();
  /** Somebody waits for it to be gone; one that was disabled may be wanted again. */
  #gone: PromiseWithResolvers<void> | undefined;
  #state: ContainerState = initialState;
  #pull: AbortController | undefined;
  readonly #check = new FreshRun(() => this.#checkOnce());
  #checkAbort = new AbortController();
  #checkIntervalMs = 600_000;
  #lastError: StatusError | undefined;
  #lastCheckError: string | undefined;

  constructor(id: string, services: DriverServices) {
    this.#id = id;
    this.#services = services;
    this.#logger = getLogger(["frontloader", id]);
    this.#output = getLogger([OUTPUT_CATEGORY, id]);
    this.#jobs = new JobRuns({
      logger: this.#logger,
      nextRun: services.nextRun ?? nextRun,
      timeZone: () => this.#timeZone,
      start: (job, name) => this.#startJob(job.command, name),
    });
    services.leftovers?.(id).forEach((leftover, index) => this.#await(leftover, -index));
  }

  #await(leftover: Pick<Leftover, "pid" | "ended" | "kill">, number: InstanceNumber): void {
    this.#leftovers.set(number, leftover);
    this.#state = { ...this.#state, leaving: [...this.#state.leaving, number] };
    this.#logger.info("An instance of the Frontloader before this one has not ended yet", {
      pid: leftover.pid,
    });
    leftover.ended.then(() => {
      this.#leftovers.delete(number);
      this.#dispatch({ type: "exited", instance: number, healthy: false });
    });
  }

  /**
   * Gives the container new settings.
   *
   * @param settings undefined when it shall not run any more
   * @param checkInterval seconds between registry checks
   */
  configure(settings: ContainerSettings | undefined, checkInterval: number): void {
    const wanted = settings?.disabled ? undefined : settings;
    const before = { image: this.#state.wanted?.image, checkIntervalMs: this.#checkIntervalMs };
    this.#checkIntervalMs = checkInterval * 1000;
    for (const instance of this.#instances.values()) {
      if (wanted === undefined || !sameContainer(instance.release.settings, wanted)) continue;
      instance.finalSignal = wanted.finalSignal;
    }
    this.#dispatch({ type: "configured", settings: wanted });
    this.#jobs.configure(wanted?.cron ?? []);
    if (wanted === undefined) {
      this.#clearTimer("check");
      this.#checkAbort.abort();
      return;
    }
    if (this.#checkAbort.signal.aborted) this.#checkAbort = new AbortController();
    // The configuration may be read more often than the registry is checked: that must not put off the check for ever.
    const { image } = wanted;
    if (!isDeepStrictEqual(before, { image, checkIntervalMs: this.#checkIntervalMs })) {
      this.#scheduleCheck();
    }
  }

  /** Resolves once the container is not wanted and nothing of it runs; at once if that is so now. */
  get gone(): Promise<void> {
    if (isGone(this.#state)) return Promise.resolve();
    this.#gone ??= Promise.withResolvers();
    return this.#gone.promise;
  }

  /** The layers that this container runs from or is about to. */
  get layersInUse(): readonly ChainId[] {
    const { serving, upgrade } = this.#state;
    const releases = Array.from(this.#instances.values(), ({ release }) => release);
    if (serving.tag !== "none") releases.push(serving.release);
    if ("release" in upgrade) releases.push(upgrade.release);
    return releases.flatMap(({ image }) => image.layers);
  }

  /** The container's id. */
  get id(): string {
    return this.#id;
  }

  /** What instances mount of the machine, from before their launch to their end. */
  get mountsInUse(): readonly MountSettings[] {
    return Array.from(this.#instances.values(), ({ release }) => release.settings.mounts).flat();
  }

  /** The pids of instances that have not ended. */
  get pids(): readonly number[] {
    return [
      ...Array.from(this.#leftovers.values(), ({ pid }) => pid),
      ...Array.from(this.#instances.values(), ({ running }) => running?.pid),
    ].filter((pid) => pid !== undefined);
  }

  /**
   * Asks the registry now.
   *
   * @returns what came of it, for a person
   */
  async update(): Promise<string> {
    if (this.#state.wanted === undefined) return "not wanted: nothing to update";
    await this.#check.run();
    if (this.#lastCheckError !== undefined) return this.#lastCheckError;
    this.#dispatch({ type: "updateAsked" });
    return this.#state.upgrade.tag === "none" ? "up to date" : "a new release is being brought in";
  }

  /** What the container is doing. */
  status(): ContainerStatus {
    const { serving, upgrade, wanted } = this.#state;
    const failures = Math.max(
      serving.tag === "none" ? 0 : serving.failures,
      upgrade.tag === "none" ? 0 : upgrade.failures,
    );
    return {
      id: this.#id,
      state: describeState(this.#state, wanted && this.#services.missingVolume(wanted)),
      instances: Array.from(
        this.#instances,
        ([number, instance]) => this.#instanceStatus(number, instance),
      ),
      failures,
      jobs: this.#jobs.status(),
      lastError: this.#lastError,
    };
  }

  #instanceStatus(number: InstanceNumber, { release, running, since }: Instance): InstanceStatus {
    const { leaving, upgrade } = this.#state;
    const state = leaving.includes(number)
      ? "leaving"
      : running === undefined
      ? "starting"
      : upgrade.tag === "settling" && upgrade.instance === number
      ? "settling"
      : "running";
    return {
      pid: running?.pid,
      image: formatReference(release.settings.image),
      digest: release.image.digest,
      since: since?.toISOString(),
      state,
    };
  }

  #dispatch(event: ContainerEvent): void {
    const { state, effects } = advance(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#followTimeZone();
    if (isGone(this.#state)) {
      this.#gone?.resolve();
      this.#gone = undefined;
    }
    this.#services.onChange();
  }

  #perform(effect: ContainerEffect): void {
    switch (effect.type) {
      case "pull":
        return this.#startPull(effect.settings);
      case "cancelPull":
        this.#pull?.abort();
        this.#pull = undefined;
        return;
      case "start":
        return void this.#start(effect.instance, effect.release);
      case "terminate":
        return this.#terminate(effect.instance);
      case "kill":
        return this.#kill(effect.instance);
      case "retryPullLater":
        return this.#backOff("retryPull", effect, { type: "retryPullDue" });
      case "restartLater":
        return this.#backOff("restart", effect, { type: "restartDue" });
      case "settleLater":
        this.#logger.info("The new instance runs; the old one is asked to end in {seconds} s", {
          seconds: effect.seconds,
        });
        return this.#setTimer(
          "settle",
          effect.seconds * 1000,
          () => this.#dispatch({ type: "settled" }),
        );
      case "killLater":
        return this.#setTimer(
          "kill",
          effect.seconds * 1000,
          () => this.#dispatch({ type: "killDue" }),
        );
      case "cancelRetryPull":
        return this.#clearTimer("retryPull");
      case "cancelRestart":
        return this.#clearTimer("restart");
      case "cancelSettle":
        return this.#clearTimer("settle");
      case "cancelKill":
        return this.#clearTimer("kill");
    }
  }

  #startPull(settings: ContainerSettings): void {
    const abort = new AbortController();
    this.#pull = abort;
    const image = formatReference(settings.image);
    this.#logger.info("Pulling {image}", { image });
    this.#services.pull(settings, abort.signal).then(
      (pulled) => {
        // Nobody needs what a pull that was called off has brought.
        if (this.#pull !== abort) return this.#services.onChange();
        this.#pull = undefined;
        this.#logger.info("Pulled {image}", {
          image,
          digest: pulled.digest,
          layers: pulled.layers.length,
        });
        this.#dispatch({ type: "pulled", image: pulled });
      },
      (error) => {
        if (this.#pull !== abort) return this.#services.onChange();
        this.#pull = undefined;
        this.#report(error);
        this.#dispatch({ type: "pullFailed" });
      },
    );
  }

  async #start(number: InstanceNumber, release: Release): Promise<void> {
    const instance: Instance = {
      release,
      running: undefined,
      since: undefined,
      finalSignal: release.settings.finalSignal,
      terminateAsked: false,
      killAsked: false,
    };
    this.#instances.set(number, instance);
    let running: RunningInstance;
    this.#logger.debug("Launching instance {number}", { number });
    try {
      running = await this.#services.launch(release, linesTo(this.#output));
    } catch (error) {
      this.#instances.delete(number);
      this.#report(new Error(`Cannot start instance ${number}`, { cause: error }));
      this.#dispatch({ type: "startFailed", instance: number });
      return;
    }
    instance.running = running;
    instance.since = new Date();
    // Not from `since`: the clock may be set meanwhile.
    const startedAt = performance.now();
    this.#logger.info("Instance {number} runs", {
      number,
      pid: running.pid,
      digest: release.image.digest,
    });
    running.cgroup?.onKill((what) => {
      const text = `Instance ${number}: ${what}`;
      this.#noteError(text);
      this.#logger.warn("{text}", { text });
    });
    this.#dispatch({ type: "started", instance: number });
    // It may have been called off while it was being launched.
    if (instance.terminateAsked) running.terminate(instance.finalSignal);
    if (instance.killAsked) running.kill();
    const { how, clean } = await endOf(running);
    const ranMs = performance.now() - startedAt;
    // Those in its pid namespace have ended with it, by KILL. Among the machine's processes they live on.
    if (release.settings.hostPid) this.#jobs.terminate(number);
    await this.#jobs.ended(number);
    this.#instances.delete(number);
    const expected = instance.terminateAsked && clean;
    const text = `Instance ${number} ended: ${how}`;
    if (expected) this.#logger.info("{text}", { text, pid: running.pid });
    else {
      this.#noteError(text);
      this.#logger.warn("{text}", { text, pid: running.pid, ranSeconds: Math.round(ranMs / 1000) });
    }
    this.#dispatch({ type: "exited", instance: number, healthy: ranMs >= HEALTHY_MS });
  }

  #terminate(number: InstanceNumber): void {
    const instance = this.#instances.get(number);
    if (instance === undefined || instance.terminateAsked) return;
    instance.terminateAsked = true;
    // The end of its init would be the end of its jobs, by KILL: they are given the time that they take before.
    const jobsEnded = this.#jobs.terminate(number);
    if (jobsEnded === undefined) this.#sendFinalSignal(number, instance);
    else jobsEnded.then(() => this.#sendFinalSignal(number, instance));
  }

  #sendFinalSignal(number: InstanceNumber, { running, finalSignal }: Instance): void {
    // It may have ended meanwhile.
    if (!this.#instances.has(number)) return;
    this.#logger.info("Instance {number} gets {signal}", {
      number,
      signal: finalSignal,
      pid: running?.pid,
    });
    running?.terminate(finalSignal);
  }

  /** Starts a job in what serves. Instances that leave, or are still on trial, get none. */
  #startJob(command: readonly string[], name: string): JobStart | undefined {
    const { serving } = this.#state;
    if (serving.tag !== "running") return undefined;
    const running = this.#instances.get(serving.instance)?.running;
    if (running === undefined) return undefined;
    const output = getLogger([OUTPUT_CATEGORY, this.#id, name]);
    return { instance: serving.instance, started: running.startJob(command, linesTo(output)) };
  }

  /** Jobs go by the clock that the programs of the container go by. */
  #followTimeZone(): void {
    const { serving } = this.#state;
    if (serving.tag !== "running") return;
    const wanted = this.#instances.get(serving.instance)?.running?.timeZone ?? DEFAULT_TIME_ZONE;
    if (wanted === this.#timeZoneWanted) return;
    this.#timeZoneWanted = wanted;
    const isKnown = isTimeZone(wanted);
    this.#timeZone = isKnown ? wanted : DEFAULT_TIME_ZONE;
    if (!isKnown && serving.release.settings.cron.length > 0) {
      this.#logger.warn(
        'Jobs go by {instead}: the container\'s TZ, "{timeZone}", is no IANA name',
        {
          instead: DEFAULT_TIME_ZONE,
          timeZone: wanted,
        },
      );
    }
    this.#jobs.refresh();
  }

  #kill(number: InstanceNumber): void {
    const instance = this.#instances.get(number);
    if (instance?.killAsked) return;
    const { pid } = instance?.running ?? this.#leftovers.get(number) ?? {};
    const what = instance === undefined
      ? "What the Frontloader before this one left"
      : `Instance ${number}`;
    this.#logger.warn("{what} is killed: it has not ended within the stopTimeout", { what, pid });
    if (instance === undefined) return this.#leftovers.get(number)?.kill();
    instance.killAsked = true;
    instance.running?.kill();
    if (instance.release.settings.hostPid) this.#jobs.kill(number);
  }

  #backOff(
    timer: TimerName,
    { failures, interrupts = false }: { failures: number; interrupts?: boolean },
    event: ContainerEvent,
  ): void {
    const delayMs = backoffMs(interrupts ? Infinity : failures, Math.random());
    this.#logger.info("Next try in {seconds} s", {
      seconds: Math.round(delayMs / 100) / 10,
      failures,
    });
    this.#setTimer(timer, delayMs, () => this.#dispatch(event));
  }

  #scheduleCheck(): void {
    const { wanted } = this.#state;
    // A digest cannot come to name something else.
    if (wanted === undefined || wanted.image.digest !== undefined) return this.#clearTimer("check");
    // ± 10 %, so that a fleet does not ask all at once
    const delayMs = this.#checkIntervalMs * (0.9 + 0.2 * Math.random());
    this.#setTimer(
      "check",
      delayMs,
      () => void this.#check.run().finally(() => this.#scheduleCheck()),
    );
  }

  /** Asks the registry. */
  async #checkOnce(): Promise<void> {
    const { wanted } = this.#state;
    const { signal } = this.#checkAbort;
    if (wanted === undefined) return;
    try {
      const digest = await this.#services.resolveDigest(wanted, signal);
      this.#lastCheckError = undefined;
      // The settings may have changed since the question was asked.
      if (isDeepStrictEqual(this.#state.wanted?.image, wanted.image)) {
        this.#dispatch({ type: "digestFound", digest });
      }
    } catch (error) {
      if (signal.aborted) return;
      const text = [`Cannot check ${formatReference(wanted.image)}`, ...errorChain(error)].join(
        ": ",
      );
      this.#noteError(text);
      // Said once, not at every check.
      if (text !== this.#lastCheckError) {
        this.#logger.warn("{text}; what runs keeps running", { text });
      }
      this.#lastCheckError = text;
    }
  }

  #report(error: unknown): void {
    const text = errorChain(error).join(": ");
    this.#noteError(text);
    this.#logger.error("{text}", { text });
  }

  #noteError(message: string): void {
    this.#lastError = { at: new Date().toISOString(), message };
  }

  #setTimer(name: TimerName, delayMs: number, action: () => void): void {
    this.#clearTimer(name);
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#timers.delete(name);
        action();
      }, delayMs),
    );
  }

  #clearTimer(name: TimerName): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** Logs lines of output. */
function linesTo(output: Logger): JobOutput {
  return (line, stream) => {
    if (stream === "stdout") output.info("{line}", { line });
    else output.error("{line}", { line });
  };
}

/** Waits for the end of an instance. It has ended, too, where something of it could not be cleared away. */
async function endOf({ ended, cgroup }: RunningInstance): Promise<{ how: string; clean: boolean }> {
  try {
    const status = await ended;
    return { how: cgroup?.describeEnd(status) ?? describeExit(status), clean: true };
  } catch (error) {
    return { how: errorChain(error).join(": "), clean: false };
  }
}

function describeState(
  { wanted, serving, upgrade, leaving }: ContainerState,
  missingVolume: string | undefined,
): string {
  const parts: string[] = [];
  // While an upgrade has it make room, what serves is not about to do anything.
  const isMakingRoom = serving.tag === "standby" && "release" in upgrade;
  if (serving.tag !== "none" && !isMakingRoom) {
    const what = {
      starting: "starting",
      running: "running",
      waiting: "waiting to restart",
      standby: "waiting for an old instance to end",
    };
    parts.push(what[serving.tag]);
  }
  if (upgrade.tag !== "none") {
    const what = {
      pulling: "pulling",
      held: "new release waiting for the old one to end",
      starting: "starting a new release",
      settling: "new release settling",
      waiting: "waiting to retry",
    };
    parts.push(what[upgrade.tag]);
  }
  if (missingVolume !== undefined && upgrade.tag !== "none") {
    parts.push(`waiting for the volume "${missingVolume}"`);
  }
  if (wanted === undefined) parts.push(leaving.length > 0 ? "stopping" : "stopped");
  return parts.join(", ") || "idle";
}
