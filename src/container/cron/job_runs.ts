/** The jobs of one container: when they are due, that none runs beside itself, and what became of them. */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "@logtape/logtape";
import type { JobSettings } from "../../config/settings.ts";
import { errorChain } from "../../log/error_chain.ts";
import { describeExit } from "../children.ts";
import type { RunningJob } from "../job_launcher.ts";
import type { OutputStream } from "../launcher.ts";
import type { InstanceNumber } from "../lifecycle.ts";
import type { nextRun } from "./schedule.ts";

/** What jobs need of their container. */
export interface JobPlace {
  /** Where what happens to them is said. */
  readonly logger: Logger;
  /** When a job runs next. */
  nextRun(...arguments_: Parameters<typeof nextRun>): Date | undefined;
  /** An IANA name. */
  timeZone(): string;
  /**
   * Starts a job in the instance that serves.
   *
   * @param name of the job, for its output
   * @returns undefined if none serves
   */
  start(job: JobSettings, name: string): JobStart | undefined;
}

/** A job that is being started. */
export interface JobStart {
  /** In which instance. */
  readonly instance: InstanceNumber;
  readonly started: Promise<RunningJob>;
}

/** Takes a line of a job's output. */
export type JobOutput = (line: string, stream: OutputStream) => void;

/** What `frontloader status` tells of one job. */
export interface JobStatus {
  /** `cron[0]`, as the configuration has it. */
  readonly name: string;
  readonly schedule: string;
  /** When it runs next (ISO 8601). */
  readonly next: string | undefined;
  /** Since when it runs (ISO 8601); undefined if it does not. */
  readonly runningSince: string | undefined;
  readonly last: JobResult | undefined;
}

/** What became of a run. */
export interface JobResult {
  /** When it was to start (ISO 8601). */
  readonly at: string;
  /** `exit status 0`, or why it did not come to that. */
  readonly result: string;
}

interface Run {
  readonly job: JobSettings;
  readonly name: string;
  readonly instance: InstanceNumber;
  readonly since: Date;
  running: RunningJob | undefined;
  terminateAsked: boolean;
  killAsked: boolean;
  readonly ended: Promise<void>;
}

/** The clock is looked at this often at least, since it may be set at any time. */
const LONGEST_SLEEP_MS = 60_000;
/**
 * What is later than this is not made up for: the clock was set, or the machine stood still. A machine that boots in 1970, and
 * then gets the time, must not run everything at once.
 */
const LATEST_MS = 2 * LONGEST_SLEEP_MS;

/** Runs jobs at their times. */
export class JobRuns {
  readonly #place: JobPlace;
  #jobs: readonly JobSettings[] = [];
  /** What became of jobs, as long as they are in the configuration. */
  #results = new Map<string, JobResult>();
  /** What runs, by lock. An old instance's run holds its lock until it has ended, whatever serves by then. */
  readonly #runs = new Map<string, Run>();
  /** Everything up to then has been run. */
  #lookedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(place: JobPlace) {
    this.#place = place;
  }

  /** Says which jobs there are from now on. What runs goes on. */
  configure(jobs: readonly JobSettings[]): void {
    if (isDeepStrictEqual(jobs, this.#jobs)) return;
    this.#look();
    this.#jobs = jobs;
    const results = jobs.flatMap((job): [string, JobResult][] => {
      const result = this.#results.get(identityOf(job));
      return result === undefined ? [] : [[identityOf(job), result]];
    });
    this.#results = new Map(results);
    this.#lookedAt = Date.now();
    this.#sleep();
  }

  /** Looks at the clock anew, because the time zone may be another one. */
  refresh(): void {
    this.#sleep();
  }

  /**
   * Asks the jobs of an instance to end, with TERM: its init does not reach them, since they are not in its process group.
   *
   * @returns resolves when they have; undefined if there are none
   */
  terminate(instance: InstanceNumber): Promise<void> | undefined {
    const runs = this.#runsIn(instance);
    for (const run of runs) {
      if (run.terminateAsked) continue;
      run.terminateAsked = true;
      this.#place.logger.info("Job {name} gets TERM, as its instance {instance} is to end", {
        name: run.name,
        instance,
        pid: run.running?.pid,
      });
      run.running?.terminate();
    }
    return runs.length === 0 ? undefined : this.ended(instance);
  }

  /** Kills the jobs of an instance: with `hostPid` they do not end with it. */
  kill(instance: InstanceNumber): void {
    for (const run of this.#runsIn(instance)) {
      run.killAsked = true;
      run.running?.kill();
    }
  }

  /** Resolves when no job of an instance runs. */
  async ended(instance: InstanceNumber): Promise<void> {
    await Promise.all(this.#runsIn(instance).map(({ ended }) => ended));
  }

  /** What became of each job, and what comes next. */
  status(): JobStatus[] {
    const now = new Date();
    return this.#jobs.map((job, index) => ({
      name: nameOf(index),
      schedule: job.schedule,
      next: this.#next(job, now)?.toISOString(),
      runningSince: [...this.#runs.values()].find((run) => isDeepStrictEqual(run.job, job))?.since
        .toISOString(),
      last: this.#results.get(identityOf(job)),
    }));
  }

  #runsIn(instance: InstanceNumber): Run[] {
    return [...this.#runs.values()].filter((run) => run.instance === instance);
  }

  #next(job: JobSettings, after: Date): Date | undefined {
    return this.#place.nextRun(job.schedule, { timeZone: this.#place.timeZone(), after });
  }

  /** Runs what has become due since the last look. */
  #look(): void {
    const now = Date.now();
    const from = new Date(Math.min(now, this.#lookedAt));
    const isLate = now - this.#lookedAt > LATEST_MS;
    this.#lookedAt = now;
    this.#jobs.forEach((job, index) => {
      const due = this.#next(job, from);
      if (due === undefined || due.getTime() > now) return;
      const name = nameOf(index);
      if (!isLate) return this.#run(job, { name, due });
      this.#skip(job, { name, due, why: "the clock was set, or the machine stood still" });
    });
  }

  /** Waits for the next one. */
  #sleep(): void {
    clearTimeout(this.#timer);
    if (this.#jobs.length === 0) return;
    const now = Date.now();
    const from = new Date(Math.min(now, this.#lookedAt));
    const times = this.#jobs.map((job) => this.#next(job, from)?.getTime() ?? Infinity);
    const delayMs = Math.min(LONGEST_SLEEP_MS, Math.max(0, Math.min(...times) - now));
    this.#timer = setTimeout(() => {
      this.#look();
      this.#sleep();
    }, delayMs);
  }

  #run(job: JobSettings, { name, due }: { readonly name: string; readonly due: Date }): void {
    const lock = lockOf(job);
    const holder = this.#runs.get(lock);
    if (holder !== undefined) {
      const who = isDeepStrictEqual(holder.job, job) ? "its last run" : `${holder.name}`;
      const whose = job.lock === undefined ? "" : ` and holds the lock "${job.lock}"`;
      return this.#skip(job, { name, due, why: `${who} still runs${whose}` });
    }
    const start = this.#place.start(job, name);
    if (start === undefined) return this.#skip(job, { name, due, why: "no instance runs" });
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const { instance, started } = start;
    const run: Run = {
      job,
      name,
      instance,
      since: new Date(),
      running: undefined,
      terminateAsked: false,
      killAsked: false,
      ended,
    };
    this.#runs.set(lock, run);
    this.#see(run, started).then((result) => {
      this.#runs.delete(lock);
      this.#note(job, { at: due.toISOString(), result });
      resolve();
    });
  }

  #skip(
    job: JobSettings,
    { name, due, why }: { readonly name: string; readonly due: Date; readonly why: string },
  ): void {
    this.#place.logger.warn("Job {name} is skipped: {why}", { name, why });
    this.#note(job, { at: due.toISOString(), result: `skipped: ${why}` });
  }

  #note(job: JobSettings, result: JobResult): void {
    // It may be gone from the configuration by now.
    if (this.#jobs.some((other) => isDeepStrictEqual(other, job))) {
      this.#results.set(identityOf(job), result);
    }
  }

  /** Sees a run to its end. */
  async #see(run: Run, started: Promise<RunningJob>): Promise<string> {
    const { logger } = this.#place;
    const { name } = run;
    try {
      const running = run.running = await started;
      logger.info("Job {name} runs", { name, pid: running.pid, instance: run.instance });
      // It may have been called off while it was being started.
      if (run.terminateAsked) running.terminate();
      if (run.killAsked) running.kill();
      const startedAt = performance.now();
      const status = await running.ended;
      const result = describeExit(status);
      const ranSeconds = Math.round((performance.now() - startedAt) / 1000);
      const isExpected = run.terminateAsked || (status.kind === "exited" && status.code === 0);
      logger[isExpected ? "info" : "warn"]("Job {name} ended: {result}", {
        name,
        result,
        pid: running.pid,
        ranSeconds,
      });
      return result;
    } catch (error) {
      const reason = errorChain(error).join(": ");
      logger.error("Cannot run job {name}: {reason}", { name, reason });
      return `could not be run: ${reason}`;
    }
  }
}

function nameOf(index: number): string {
  return `cron[${index}]`;
}

/** A job is the same as long as its settings are, wherever in the list it stands. */
function identityOf({ schedule, command, lock }: JobSettings): string {
  return JSON.stringify([schedule, command, lock ?? null]);
}

/** What nobody else may have while a job runs: the lock that it names, or else one of its own. */
function lockOf(job: JobSettings): string {
  return job.lock === undefined ? `job ${identityOf(job)}` : `lock ${job.lock}`;
}
