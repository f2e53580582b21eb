import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../log/error_chain.ts";
import type { SystemService } from "../system_service.ts";
import type { Lease } from "./lease.ts";
import { chooseLink, type Link } from "./links.ts";
import { scriptVariables, type StaticAddress } from "./static_address.ts";

const logger = getLogger(["frontloader", "network"]);

/** How often interfaces are looked at: during the boot, when everybody waits for them, and later. */
const [SOON_MS, LATER_MS] = [100, 3_000];
/** How long a boot takes at most. */
const BOOT_MS = 60_000;

/** What a {@linkcode Network} needs of the machine. */
export interface NetworkServices {
  links(): readonly Link[];
  /** Switches an interface on; only then it can have carrier. */
  bringUp(link: string): void;
  /** The DHCP client of an interface, not started yet. */
  dhcpClient(link: string): Pick<SystemService, "start" | "stop">;
  /** Gives an interface what the variables say, or takes away what it has. */
  configure(
    event: "bound" | "deconfig",
    link: string,
    variables?: Readonly<Record<string, string>>,
  ): Promise<void>;
  lease(): Lease | undefined;
}

/** The machine's network: gives an address to the first interface with carrier, and keeps it. */
export class Network {
  readonly #services: NetworkServices;
  readonly #address: StaticAddress | undefined;
  readonly #up = new Set<string>();
  #chosen: string | undefined;
  #client: Pick<SystemService, "start" | "stop"> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #startedAt = 0;

  /** @param address undefined: by DHCP */
  constructor(services: NetworkServices, address: StaticAddress | undefined) {
    this.#services = services;
    this.#address = address;
  }

  /** Begins to look after the interfaces, for as long as the machine runs. */
  start(): void {
    this.#startedAt = performance.now();
    this.#look();
  }

  /**
   * Waits for an address.
   *
   * @param patienceMs how long at most, and how long for an interface to show up at all
   * @returns undefined if there is none by then
   */
  async address(patienceMs: { address: number; link: number }): Promise<Lease | undefined> {
    for (;;) {
      const lease = this.#services.lease();
      if (lease !== undefined) return lease;
      const waited = performance.now() - this.#startedAt;
      const patience = this.#up.size === 0 ? patienceMs.link : patienceMs.address;
      if (waited >= patience) return undefined;
      await new Promise((resolve) => setTimeout(resolve, SOON_MS));
    }
  }

  /** Ends what keeps the address. The address itself stays: volumes may be on the other side of the network. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#client?.stop();
  }

  #look(): void {
    const links = this.#services.links();
    for (const { name } of links) this.#bringUp(name);
    const wanted = this.#address?.device;
    const candidates = wanted === undefined ? links : links.filter(({ name }) => name === wanted);
    const chosen = chooseLink(candidates, this.#chosen);
    // An interface without carrier keeps its address: most often it comes back.
    if (chosen !== undefined && chosen !== this.#chosen) this.#choose(chosen);
    const isBoot = performance.now() - this.#startedAt < BOOT_MS;
    const isWaitedFor = isBoot && this.#services.lease() === undefined;
    this.#timer = setTimeout(() => this.#look(), isWaitedFor ? SOON_MS : LATER_MS);
  }

  #bringUp(name: string): void {
    if (this.#up.has(name)) return;
    // Whether it works or not: its driver says the same the next time.
    this.#up.add(name);
    try {
      this.#services.bringUp(name);
    } catch (error) {
      logger.error("{reason}", { reason: errorChain(error).join(": ") });
    }
  }

  #choose(link: string): void {
    logger.info("{link} has carrier", { link });
    const before = this.#chosen;
    this.#chosen = link;
    this.#client?.stop();
    this.#client = undefined;
    if (before !== undefined) this.#configure("deconfig", before);
    if (this.#address === undefined) {
      this.#client = this.#services.dhcpClient(link);
      this.#client.start();
    } else {
      this.#configure("bound", link, scriptVariables(this.#address));
    }
  }

  #configure(...[event, link, variables]: Parameters<NetworkServices["configure"]>): void {
    this.#services.configure(event, link, variables).catch((error) => {
      const reason = errorChain(error).join(": ");
      logger.error("Cannot configure {link}: {reason}", { link, reason });
    });
  }
}
