import { getLogger } from "@logtape/logtape";
import {
  hostNameOf,
  identityEnvironment,
  type InstanceIdentity,
} from "../aws/instance_identity.ts";
import { errorChain } from "../log/error_chain.ts";

const logger = getLogger(["frontloader", "machine"]);

/** So long an identity that is not needed to find the configuration is waited for, in milliseconds. */
const PATIENCE = 30_000;

/** What {@linkcode MachineIdentity} needs. */
export interface MachineIdentityServices {
  /** Asks who this machine is. */
  ask(): Promise<InstanceIdentity>;
  setHostName(name: string): void;
}

/** Who this machine is in EC2: its host name, and what containers are told of it. */
export class MachineIdentity {
  readonly #services: MachineIdentityServices;
  readonly #required: boolean;
  #environment: Readonly<Record<string, string>> = {};
  #established = false;
  #firstTry: number | undefined;

  /**
   * @param options `required`: whether nothing may start without it. Where the configuration comes from elsewhere this may
   * be no EC2 instance at all, as when its disk image is tried out at home.
   */
  constructor(services: MachineIdentityServices, { required }: { required: boolean }) {
    this.#services = services;
    this.#required = required;
  }

  /** Variables for every container. */
  get environment(): Readonly<Record<string, string>> {
    return this.#environment;
  }

  /**
   * Finds out who this machine is, once.
   *
   * @throws {Error} if that does not work, and should be tried again
   */
  async establish(): Promise<void> {
    if (this.#established) return;
    const now = performance.now();
    this.#firstTry ??= now;
    let identity: InstanceIdentity;
    try {
      identity = await this.#services.ask();
    } catch (error) {
      if (this.#required || now - this.#firstTry < PATIENCE) throw error;
      this.#established = true;
      logger.warn("Goes on without host name and FL_ variables of EC2: {reason}", {
        reason: errorChain(error).join(": "),
      });
      return;
    }
    this.#environment = identityEnvironment(identity);
    this.#established = true;
    const name = hostNameOf(identity);
    try {
      this.#services.setHostName(name);
      logger.info("This machine is {name}", { name });
    } catch (error) {
      // A wrong host name is no reason to run nothing.
      logger.error("Goes on under its old host name: {reason}", {
        reason: errorChain(error).join(": "),
      });
    }
  }
}
