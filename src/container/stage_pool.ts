import { getLogger } from "@logtape/logtape";
import { errorChain } from "../log/error_chain.ts";
import { Stage } from "./launcher.ts";

const logger = getLogger(["frontloader", "launcher"]);

/** A stage that was not needed for so long is ended: it would only take up memory. */
const IDLE_MS = 60_000;

/** Keeps a stage process ready for a launch that is about to come, so that the launch need not wait for its runtime to start. */
export class StagePool implements AsyncDisposable {
  #ready: Stage | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;

  /** Says that a launch is about to come. One stage is kept ready, however many are. */
  prepare(): void {
    if (this.#ready?.isWaiting) return;
    try {
      this.#ready = new Stage();
    } catch (error) {
      // The launch tries again, and if it fails too says so where it matters.
      logger.debug("Cannot prepare a stage process: {reason}", {
        reason: errorChain(error).join(": "),
      });
      return;
    }
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => void this[Symbol.asyncDispose](), IDLE_MS);
  }

  /**
   * Gives the stage that is ready, or a new one.
   *
   * @throws {SyscallError} if none can be started
   */
  take(): Stage {
    const stage = this.#ready;
    this.#forget();
    return stage?.isWaiting ? stage : new Stage();
  }

  /** Ends the stage that is ready, if there is one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const stage = this.#ready;
    this.#forget();
    await stage?.[Symbol.asyncDispose]();
  }

  #forget(): void {
    clearTimeout(this.#expiry);
    this.#ready = undefined;
  }
}
