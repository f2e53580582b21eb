import { getLogger } from "@logtape/logtape";
import type { Settings } from "../../config/settings.ts";
import type { KernelStatus } from "./kernel_driver.ts";

const logger = getLogger(["frontloader", "upgrade"]);

/** What keeps the system that Frontloader runs on up to date. */
export interface SystemUpgrade {
  /**
   * Says what is wanted, at each reading of the configuration.
   *
   * @returns once it is clear that this system stays for now; never, if it does not
   */
  configure(settings: Settings): Promise<void>;
  /** What `frontloader status` tells of it; undefined if there is nothing to tell. */
  status(): KernelStatus | undefined;
  /** Ends what is under way, since everything ends. */
  stop(): void;
}

/** For a system that is not upgraded by Frontloader. */
export class NoUpgrade implements SystemUpgrade {
  readonly #reason: string;
  #hasSaidSo = false;

  /** @param reason why not, for whoever configures it nevertheless */
  constructor(reason: string) {
    this.#reason = reason;
  }

  configure({ kernel }: Settings): Promise<void> {
    if (kernel !== undefined && !this.#hasSaidSo) {
      logger.warn("The configuration's `kernel` has no effect: {reason}", { reason: this.#reason });
      this.#hasSaidSo = true;
    }
    return Promise.resolve();
  }

  status(): undefined {}

  stop(): void {}
}
