import type { ExitStatus } from "../../ffi/process.ts";
import type { ContainerSettings } from "../../src/config/settings.ts";
import { describeExit } from "../../src/container/children.ts";
import type { InstanceCgroup } from "../../src/container/cgroup/instance_cgroup.ts";
import type { DriverServices, RunningInstance } from "../../src/container/container_driver.ts";
import type { FinalSignal } from "../../src/container/final_signal.ts";
import type { RunningJob } from "../../src/container/job_launcher.ts";
import type { OutputStream } from "../../src/container/launcher.ts";
import type { Release } from "../../src/container/lifecycle.ts";
import { parseChainId } from "../../src/image/chain_id.ts";
import type { PulledImage } from "../../src/image/pull_image.ts";
import type { Digest } from "../../src/registry/digest.ts";
import { containerSettings } from "./container_settings.ts";

/** A digest that is easy to tell from others. */
export function fakeDigest(letter: string): Digest {
  return `sha256:${letter.repeat(64)}`;
}

/** What a pull brings: an image with one layer, both with the same digest for simplicity. */
export function fakeImage(letter: string): PulledImage {
  return {
    reference: containerSettings().image,
    digest: fakeDigest(letter),
    layers: [parseChainId(fakeDigest(letter))],
    config: { env: [], entrypoint: ["/bin/server"], cmd: [], workingDir: "", user: "" },
  };
}

/** A request of a driver, to be answered by the test. */
export class FakeCall<T> {
  readonly settings: ContainerSettings;
  readonly signal: AbortSignal;
  readonly #answer = Promise.withResolvers<T>();

  constructor(settings: ContainerSettings, signal: AbortSignal) {
    this.settings = settings;
    this.signal = signal;
  }

  get answer(): Promise<T> {
    return this.#answer.promise;
  }

  succeed(result: T): void {
    this.#answer.resolve(result);
  }

  fail(error: unknown): void {
    this.#answer.reject(error);
  }
}

/** A cgroup of which the test says what happens in it. */
export class FakeCgroup implements InstanceCgroup {
  /** How the instance ended, if the cgroup knows more than its status. */
  end: string | undefined;
  #listener: (text: string) => void = () => {};

  onKill(listener: (text: string) => void): void {
    this.#listener = listener;
  }

  describeEnd(status: ExitStatus): string {
    return this.end ?? describeExit(status);
  }

  /** Something was killed. */
  kill(text: string): void {
    this.#listener(text);
  }
}

/** A job, started and ended by the test. */
export class FakeJob implements RunningJob {
  readonly pid: number;
  readonly command: readonly string[];
  readonly onLine: (line: string, stream: OutputStream) => void;
  /** How often it got TERM. */
  terms = 0;
  /** How often it was killed. */
  kills = 0;
  readonly #answer = Promise.withResolvers<RunningJob>();
  readonly #ended = Promise.withResolvers<ExitStatus>();

  constructor(pid: number, { command, onLine }: Pick<FakeJob, "command" | "onLine">) {
    this.pid = pid;
    this.command = command;
    this.onLine = onLine;
  }

  get answer(): Promise<RunningJob> {
    return this.#answer.promise;
  }

  get ended(): Promise<ExitStatus> {
    return this.#ended.promise;
  }

  terminate(): void {
    this.terms++;
  }

  kill(): void {
    this.kills++;
  }

  start(): void {
    this.#answer.resolve(this);
  }

  fail(error: unknown): void {
    this.#answer.reject(error);
  }

  /** Ends it, whether it was started yet or not. */
  end(code = 0): void {
    this.start();
    this.#ended.resolve({ kind: "exited", code });
  }
}

/** An instance that runs until the test ends it. */
export class FakeInstance implements RunningInstance {
  readonly pid: number;
  readonly cgroup = new FakeCgroup();
  /** How often it was asked to end, and how it was asked last. */
  terms = 0;
  finalSignal: FinalSignal | undefined;
  timeZone: string | undefined;
  /** The jobs that were started in it. */
  readonly jobs: FakeJob[] = [];
  /** How often it was killed. */
  kills = 0;
  readonly #ended = Promise.withResolvers<ExitStatus>();

  constructor(pid: number) {
    this.pid = pid;
  }

  get ended(): Promise<ExitStatus> {
    return this.#ended.promise;
  }

  terminate(signal: FinalSignal): void {
    this.terms++;
    this.finalSignal = signal;
  }

  kill(): void {
    this.kills++;
  }

  startJob(command: readonly string[], onLine: FakeJob["onLine"]): Promise<RunningJob> {
    const job = new FakeJob(1000 * this.pid + this.jobs.length, { command, onLine });
    this.jobs.push(job);
    return job.answer;
  }

  /** Ends it. */
  end(code = 0): void {
    this.#ended.resolve({ kind: "exited", code });
  }

  /** Ends it in a way that leaves how it ended unknown, or something of it behind. */
  fail(error: unknown): void {
    this.#ended.reject(error);
  }
}

/** A launch, to be answered by the test. */
export class FakeLaunch {
  readonly release: Release;
  readonly onLine: (line: string, stream: OutputStream) => void;
  readonly #answer = Promise.withResolvers<RunningInstance>();

  constructor(release: Release, onLine: FakeLaunch["onLine"]) {
    this.release = release;
    this.onLine = onLine;
  }

  get answer(): Promise<RunningInstance> {
    return this.#answer.promise;
  }

  succeed(pid: number): FakeInstance {
    const instance = new FakeInstance(pid);
    this.#answer.resolve(instance);
    return instance;
  }

  fail(error: unknown): void {
    this.#answer.reject(error);
  }
}

/** Services that note what drivers ask of them and do nothing by themselves. */
export class FakeContainers implements DriverServices {
  readonly pulls: FakeCall<PulledImage>[] = [];
  readonly checks: FakeCall<Digest>[] = [];
  readonly launches: FakeLaunch[] = [];
  /** How often a change was announced. */
  changes = 0;

  pull = (settings: ContainerSettings, signal: AbortSignal): Promise<PulledImage> => {
    const call = new FakeCall<PulledImage>(settings, signal);
    this.pulls.push(call);
    return call.answer;
  };

  resolveDigest = (settings: ContainerSettings, signal: AbortSignal): Promise<Digest> => {
    const call = new FakeCall<Digest>(settings, signal);
    this.checks.push(call);
    return call.answer;
  };

  launch = (release: Release, onLine: FakeLaunch["onLine"]): Promise<RunningInstance> => {
    const launch = new FakeLaunch(release, onLine);
    this.launches.push(launch);
    return launch.answer;
  };

  /** A volume that is not there. */
  missing: string | undefined;

  missingVolume = (): string | undefined => this.missing;

  onChange = (): void => {
    this.changes++;
  };

  /** The newest pull. */
  get lastPull(): FakeCall<PulledImage> {
    return last(this.pulls, "pull");
  }

  /** The newest look at the registry. */
  get lastCheck(): FakeCall<Digest> {
    return last(this.checks, "check");
  }

  /** The newest launch. */
  get lastLaunch(): FakeLaunch {
    return last(this.launches, "launch");
  }
}

function last<T>(list: readonly T[], what: string): T {
  const item = list.at(-1);
  if (item === undefined) throw new Error(`Cannot answer a ${what}: nobody asked for one`);
  return item;
}
