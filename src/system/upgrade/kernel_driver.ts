import { getLogger } from "@logtape/logtape";
import type { KernelSettings, Settings } from "../../config/settings.ts";
import { backoffMs } from "../../container/backoff.ts";
import type { StatusError } from "../../container/container_driver.ts";
import { errorChain } from "../../log/error_chain.ts";
import type { Digest } from "../../registry/digest.ts";
import { formatReference } from "../../registry/reference.ts";
import { settlesWithin } from "../within.ts";
import {
  advanceKernel,
  initialKernelState,
  type KernelEffect,
  type KernelEvent,
  type KernelState,
} from "./kernel_lifecycle.ts";
import type { SystemUpgrade } from "./system_upgrade.ts";

const logger = getLogger(["frontloader", "upgrade"]);

/** An image that cannot be used, however often it is tried. */
export class UnfitImageError extends Error {
  override readonly name = "UnfitImageError";
}

/** What a {@linkcode KernelDriver} needs of the rest of the system; tests give it others. */
export interface KernelServices {
  /** Asks the registry which digest the image's tag names now. */
  resolveDigest(settings: KernelSettings, signal: AbortSignal): Promise<Digest>;
  /** Asks an image from which commit it was built; undefined if it does not say. */
  commitOf(
    settings: KernelSettings,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /**
   * Pulls an image, checks it, and loads its kernel into memory.
   *
   * @throws {UnfitImageError} if it cannot be used
   */
  load(settings: KernelSettings, digest: Digest, signal: AbortSignal): Promise<void>;
  /** Ends the running system, and starts the one that is loaded, which is this image's. */
  leave(reason: string, digest: Digest): void;
  /**
   * Notes that the running system, started from this image, runs.
   *
   * @returns false if that could not be done
   */
  confirm(digest: Digest): Promise<boolean>;
}

/** What `frontloader status` tells of the machine's system. */
export interface KernelStatus {
  /** The commit that runs. */
  readonly commit: string;
  readonly state: KernelState["step"]["tag"];
  /** The commit that is being brought in. */
  readonly next: string | undefined;
  readonly failures: number;
  readonly lastError: StatusError | undefined;
}

/** How long the first decision is waited for, in milliseconds: whether there is a new system, and until it is loaded. */
const PATIENCE_MS = { decide: 60_000, load: 600_000 };

/** How long a system has run, with a configuration, when it counts as one that does. */
const PROOF_MS = 60_000;
/** A disk that did not take the note of it is asked again after so long. */
const NEXT_PROOF_MS = 600_000;

/** Keeps the machine's system in line with its image: carries out what `kernel_lifecycle.ts` decides. */
export class KernelDriver implements SystemUpgrade {
  readonly #services: KernelServices;
  readonly #startedFrom: Digest | undefined;
  readonly #decided = Promise.withResolvers<void>();
  #state: KernelState;
  #abort = new AbortController();
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #proofTimer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  #checkIntervalMs = 600_000;
  #lastError: StatusError | undefined;

  /**
   * @param running the commit that runs
   * @param startedFrom the digest of the image that this system was started from, if it was by an upgrade
   */
  constructor(services: KernelServices, running: string, startedFrom: Digest | undefined) {
    this.#services = services;
    this.#startedFrom = startedFrom;
    this.#state = initialKernelState(running, startedFrom);
  }

  /**
   * Says what is wanted; the registry is asked. The first time this waits until it is clear whether this system stays, since
   * containers need not be started for a moment. A registry that does not answer keeps none from starting.
   */
  async configure({ kernel, checkInterval }: Settings): Promise<void> {
    this.#checkIntervalMs = checkInterval * 1000;
    this.#prove();
    this.#dispatch({ type: "configured", settings: kernel });
    const decided = this.#decided.promise;
    await settlesWithin(PATIENCE_MS.decide, decided);
    if (this.#state.step.tag === "loading") await settlesWithin(PATIENCE_MS.load, decided);
    if (this.#state.step.tag === "leaving") await new Promise(() => {});
  }

  status(): KernelStatus {
    const { running, step } = this.#state;
    return {
      commit: running,
      state: step.tag,
      next: "commit" in step ? step.commit : undefined,
      failures: "failures" in step ? step.failures : 0,
      lastError: this.#lastError,
    };
  }

  /** Ends what is under way, unless this is the end of the running system itself. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#checkTimer);
    clearTimeout(this.#proofTimer);
    if (this.#state.step.tag !== "leaving") {
      this.#dispatch({ type: "configured", settings: undefined });
    }
  }

  /** Begins to wait until this system, if it was started by an upgrade, counts as one that runs. */
  #prove(): void {
    const digest = this.#startedFrom;
    if (digest === undefined || this.#proofTimer !== undefined) return;
    const confirm = async () => {
      if (await this.#services.confirm(digest)) return;
      if (!this.#isStopped) this.#proofTimer = setTimeout(confirm, NEXT_PROOF_MS);
    };
    this.#proofTimer = setTimeout(confirm, PROOF_MS);
  }

  #dispatch(event: KernelEvent): void {
    const { state, effects } = advanceKernel(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    clearTimeout(this.#checkTimer);
    const { tag } = this.#state.step;
    if (tag === "idle" || tag === "waiting" || tag === "leaving") this.#decided.resolve();
    if (tag === "idle" && state.wanted !== undefined) {
      // ± 10 %, so that a fleet does not ask all at once
      const delayMs = this.#checkIntervalMs * (0.9 + 0.2 * Math.random());
      this.#checkTimer = setTimeout(() => this.#dispatch({ type: "checkDue" }), delayMs);
    }
  }

  #perform(effect: KernelEffect): void {
    switch (effect.type) {
      case "check":
        return this.#attempt(async (signal) => {
          const digest = await this.#services.resolveDigest(effect.settings, signal);
          return { type: "digestFound", digest };
        });
      case "inspect":
        return this.#attempt(async (signal) => {
          const { settings, digest } = effect;
          const commit = await this.#services.commitOf(settings, digest, signal);
          this.#reportCommit(settings, digest, commit);
          return { type: "inspected", commit };
        });
      case "load":
        return this.#attempt(async (signal) => {
          await this.#services.load(effect.settings, effect.digest, signal);
          return { type: "loaded" };
        });
      case "leave":
        return this.#services.leave(`the upgrade to ${effect.commit}`, effect.digest);
      case "cancel":
        return this.#abort.abort();
      case "retryLater": {
        const delayMs = backoffMs(effect.failures, Math.random());
        this.#retryTimer = setTimeout(() => this.#dispatch({ type: "retryDue" }), delayMs);
        return;
      }
      case "cancelRetry":
        return clearTimeout(this.#retryTimer);
    }
  }

  /** Tries to come to the next event; what goes wrong is one, too. */
  #attempt(work: (signal: AbortSignal) => Promise<KernelEvent>): void {
    const abort = this.#abort = new AbortController();
    work(abort.signal).then(
      (event) => {
        if (!abort.signal.aborted) this.#dispatch(event);
      },
      (error) => {
        if (abort.signal.aborted) return;
        this.#report(errorChain(error).join(": "));
        this.#dispatch({ type: error instanceof UnfitImageError ? "unfit" : "failed" });
      },
    );
  }

  #reportCommit(settings: KernelSettings, digest: Digest, commit: string | undefined): void {
    const image = formatReference(settings.image);
    const { running } = this.#state;
    if (commit === undefined) {
      this.#report(`${image} does not say which commit it is: it has no label "commit"`);
    } else if (commit === running) {
      logger.info("This system is what {image} has", { image, commit, digest });
    } else {
      logger.info("{image} has another system", { image, commit, running, digest });
    }
  }

  #report(message: string): void {
    // Said once, not at every try.
    if (message !== this.#lastError?.message) {
      logger.error("{message}; this system goes on", { message });
    }
    this.#lastError = { at: new Date().toISOString(), message };
  }
}
