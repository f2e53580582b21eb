import { RebootCommand } from "../../ffi/reboot.ts";
import type { Phase } from "./phases.ts";

/** How a machine's running system ends. */
export type MachineEnd = "powerOff" | "restart" | "kexec";

/** A wish that it ends. */
export interface EndRequest {
  readonly end: MachineEnd;
  /** Whose wish it is, for the log. */
  readonly reason: string;
  /** What is left to do when everything has ended. */
  readonly lastPhase?: Phase;
}

/** What is left to do in the end: reboot(2)'s command for each. */
export const END_COMMANDS: Readonly<Record<MachineEnd, number>> = {
  powerOff: RebootCommand.POWER_OFF,
  restart: RebootCommand.RESTART,
  kexec: RebootCommand.KEXEC,
};

/**
 * What signals mean to process 1: as in busybox, whose `poweroff`, `reboot` and `halt` send them. The kernel sends INT when
 * somebody presses ctrl-alt-del.
 */
export const END_SIGNALS: readonly (readonly [Deno.Signal, MachineEnd])[] = [
  ["SIGINT", "restart"],
  ["SIGTERM", "restart"],
  ["SIGUSR1", "powerOff"],
  ["SIGUSR2", "powerOff"],
];
