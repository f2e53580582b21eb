import type { SystemUpgradeOptions } from "./upgrade/machine_upgrade.ts";
import { NoUpgrade, type SystemUpgrade } from "./upgrade/system_upgrade.ts";

/** What the end of a host has to do with the rest. */
export interface HostEndOptions {
  /** Resolves when all containers have ended, and all volumes are unmounted; somebody may not have wanted to wait for that. */
  readonly stopped: Promise<void>;
  /** Waits until the log is written. */
  flushLog(): Promise<void>;
}

/** What Frontloader runs on: a machine that others run, or one of its own. */
export interface Host {
  /** Resolves when everything has to end, with the reason. */
  readonly endAsked: Promise<string>;
  /** Resolves when nobody wants to wait any longer for containers to end; on most hosts never. */
  readonly endHurried: Promise<void>;
  /** What upgrades its system. */
  systemUpgrade(options: SystemUpgradeOptions): SystemUpgrade;
  /** Gives everything back. On a machine of its own that is the machine's end, and it does not return. */
  end(options: HostEndOptions): Promise<void>;
}

/** A machine that somebody else runs: Frontloader is one of its services, and ends on TERM and INT. */
export function serviceHost(): Host {
  const { promise, resolve } = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => resolve(signal));
  }
  return {
    endAsked: promise,
    endHurried: new Promise(() => {}),
    systemUpgrade: () => new NoUpgrade("Frontloader is not the init of this machine"),
    end: () => Promise.resolve(),
  };
}
