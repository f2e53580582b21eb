import { getLogger } from "@logtape/logtape";
import { setClock } from "../../ffi/clock.ts";
import { setHostname } from "../../ffi/namespaces.ts";
import { bringLinkUp } from "../../ffi/network_interface.ts";
import { hasChildren, killAll, Signal } from "../../ffi/process.ts";
import { reboot, RebootCommand, syncWithin } from "../../ffi/reboot.ts";
import { errorChain } from "../log/error_chain.ts";
import { buildInfo } from "./boot/build_info.ts";
import { judgeClock } from "./boot/clock.ts";
import {
  KERNEL_FILE_SYSTEMS,
  makeDeviceLinks,
  mountFileSystems,
  PROC,
} from "./boot/file_systems.ts";
import { applyKernelSettings } from "./boot/kernel_settings.ts";
import { loadModules } from "./boot/modules.ts";
import { makeRootLeavable } from "./boot/root.ts";
import { watchPowerButtons } from "./buttons.ts";
import type { Host, HostEndOptions } from "./host.ts";
import { END_COMMANDS, END_SIGNALS, type EndRequest, type MachineEnd } from "./machine_end.ts";
import { readLease } from "./network/lease.ts";
import { machineNetwork } from "./network/machine_network.ts";
import type { Network } from "./network/network.ts";
import { startReaping } from "./orphans.ts";
import { type Phase, runPhases } from "./phases.ts";
import { SYSTEM_PATH } from "./programs.ts";
import type { SystemService } from "./system_service.ts";
import { startedFrom } from "./upgrade/command_line.ts";
import { machineUpgrade, type SystemUpgradeOptions } from "./upgrade/machine_upgrade.ts";
import type { SystemUpgrade } from "./upgrade/system_upgrade.ts";
import { timeServers } from "./time/time_servers.ts";
import { setTime, timeService } from "./time/time_service.ts";
import { type FedWatchdog, startWatchdog } from "./watchdog.ts";
import { settlesWithin } from "./within.ts";

const logger = getLogger(["frontloader", "shutdown"]);

/** The name of a machine that nobody has given one. */
const HOST_NAME = "frontloader";

/** How long a boot waits for the network: for an address, and for an interface to show up. It goes on without. */
const NETWORK_PATIENCE_MS = { address: 20_000, link: 3_000 };

/** How long a boot waits for the time, with a clock that can be right and with one that cannot. It goes on without. */
const TIME_PATIENCE_MS = { plausible: 3_000, wrong: 30_000 };

/** How long processes that are left over have, from TERM to KILL, and how often they are looked for. */
const [LEFTOVER_MS, LEFTOVER_LOOK_MS] = [2_000, 20];

/** How long volumes are waited for once nothing uses them any more. */
const VOLUMES_MS = 20_000;

/** So long the disks have to take what was written. */
const SYNC_PATIENCE_MS = 120_000;

/** The machine of which this process is the init: everything that a Linux system needs besides containers. */
export class Machine implements Host {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #ended = Promise.withResolvers<string>();
  readonly #hurried = Promise.withResolvers<void>();
  #request: EndRequest | undefined;
  #network: Network | undefined;
  #time: SystemService | undefined;
  #watchdog: FedWatchdog | undefined;
  #clockIsPlausible = true;

  private constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  /**
   * Makes a running system of a machine whose kernel has just started this process.
   *
   * @param environment this process's: words of the kernel's command line are in it
   */
  static async boot(environment: Readonly<Record<string, string | undefined>>): Promise<Machine> {
    const machine = new Machine(environment);
    // The first thing of all: without it this program does not even know where it is.
    mountFileSystems([PROC]);
    Deno.env.set("PATH", SYSTEM_PATH);
    for (const [signal, end] of END_SIGNALS) {
      Deno.addSignalListener(signal, () => machine.requestEnd({ end, reason: signal }));
    }
    await runPhases("boot", machine.#bootPhases());
    return machine;
  }

  get endAsked(): Promise<string> {
    return this.#ended.promise;
  }

  get endHurried(): Promise<void> {
    return this.#hurried.promise;
  }

  /**
   * Asks for the end of the running system. Who asks a second time does not want to wait for containers, and knows best how it
   * is to end.
   */
  requestEnd(request: EndRequest): void {
    if (this.#request !== undefined) this.#hurried.resolve();
    this.#request = request;
    this.#ended.resolve(request.reason);
  }

  systemUpgrade(options: SystemUpgradeOptions): SystemUpgrade {
    return machineUpgrade(options, {
      environment: this.#environment,
      leave: (reason, countStart) =>
        this.requestEnd({
          end: "kexec",
          reason,
          lastPhase: { name: "Count", run: countStart },
        }),
    });
  }

  async end({ stopped, flushLog }: HostEndOptions): Promise<never> {
    const { end, lastPhase } = this.#request ?? { end: "restart", lastPhase: undefined };
    await runPhases("shutdown", this.#shutdownPhases(end, lastPhase, stopped));
    logger.info("{name}", { name: END_NAMES[end] });
    await flushLog();
    try {
      reboot(END_COMMANDS[end]);
    } catch (error) {
      logger.error("{reason}: restarts instead", { reason: errorChain(error).join(": ") });
      await flushLog();
    }
    reboot(RebootCommand.RESTART);
    throw new Error("Cannot end: the kernel goes on after reboot");
  }

  #bootPhases(): readonly Phase[] {
    return [
      { name: "System", run: () => this.#describeSystem() },
      { name: "Root", run: () => this.#prepareRoot() },
      { name: "File systems", run: () => this.#mountFileSystems() },
      { name: "Kernel settings", run: applyKernelSettings },
      { name: "Orphans", run: startReaping },
      { name: "Clock", run: () => this.#checkClock() },
      { name: "Drivers", run: () => this.#loadDrivers() },
      { name: "Watchdog", run: () => this.#startWatchdog() },
      { name: "Power button", run: () => this.#watchButtons() },
      { name: "Host name", run: () => this.#nameHost() },
      { name: "Loopback", run: () => bringLinkUp("lo") },
      { name: "Network", run: () => this.#startNetwork() },
      { name: "Time", run: () => this.#startTime() },
    ];
  }

  #shutdownPhases(
    end: MachineEnd,
    lastPhase: Phase | undefined,
    stopped: Promise<void>,
  ): readonly Phase[] {
    return [
      { name: "Services", run: () => this.#stopServices() },
      { name: "Processes", run: endProcesses },
      { name: "Volumes", run: () => waitForVolumes(stopped) },
      { name: "Disks", run: syncDisks },
      ...lastPhase === undefined ? [] : [lastPhase],
      // A restart that hangs is what it is for.
      ...end === "restart" ? [] : [{ name: "Watchdog", run: () => this.#watchdog?.stop() }],
    ];
  }

  #describeSystem(): string {
    const origin = startedFrom(this.#environment);
    const commit = `commit ${buildInfo().commit ?? "unknown"}`;
    return origin === undefined ? commit : `${commit} of image ${origin}`;
  }

  #prepareRoot(): string | undefined {
    const isChanged = makeRootLeavable(Deno.readTextFileSync("/proc/self/mountinfo"));
    return isChanged ? "mounted on itself, so that containers can leave it" : undefined;
  }

  #mountFileSystems(): string {
    const mounted = mountFileSystems(KERNEL_FILE_SYSTEMS);
    makeDeviceLinks();
    return mounted.join(" ");
  }

  #checkClock(): string {
    const now = new Date();
    const { plausible, correction } = judgeClock(now, buildInfo().builtAt);
    this.#clockIsPlausible = plausible;
    if (correction === undefined) return now.toISOString();
    setClock(correction);
    return `was ${now.toISOString()}, before this system was built: set to ${correction.toISOString()}`;
  }

  async #loadDrivers(): Promise<string> {
    const extra = (this.#environment["FL_MODULES"] ?? "").split(",").filter((name) => name !== "");
    return `for ${await loadModules(extra)} kinds of devices`;
  }

  #startWatchdog(): string {
    this.#watchdog = startWatchdog(this.#environment["FL_WATCHDOG"]);
    return this.#watchdog === undefined
      ? "none"
      : `resets the machine after ${this.#watchdog.timeout} s without a sign of life`;
  }

  #watchButtons(): string {
    const request = () => this.requestEnd({ end: "powerOff", reason: "the power button" });
    return watchPowerButtons(request) === 0 ? "none" : "is listened to";
  }

  #nameHost(): string {
    const name = Deno.hostname();
    if (name !== "" && name !== "(none)") return name;
    setHostname(HOST_NAME);
    return HOST_NAME;
  }

  async #startNetwork(): Promise<string> {
    this.#network = machineNetwork(Deno.readTextFileSync("/proc/cmdline"));
    this.#network.start();
    const lease = await this.#network.address(NETWORK_PATIENCE_MS);
    if (lease === undefined) return "no address yet; the boot goes on without";
    return `${lease.interface} has ${lease.address}, gateway ${lease.gateway || "none"}`;
  }

  async #startTime(): Promise<string> {
    const lease = readLease();
    const servers = timeServers(this.#environment, lease?.timeServers ?? []);
    const patience = TIME_PATIENCE_MS[this.#clockIsPlausible ? "plausible" : "wrong"];
    const isSet = lease !== undefined && await setTime(servers, patience);
    this.#time = timeService(servers);
    this.#time.start();
    const names = servers.join(" or ");
    return isSet ? `set by ${names}` : `not set yet by ${names}; the boot goes on without`;
  }

  #stopServices(): void {
    this.#network?.stop();
    this.#time?.stop();
  }
}

const END_NAMES: Readonly<Record<MachineEnd, string>> = {
  powerOff: "Power off",
  restart: "Restart",
  kexec: "Next kernel",
};

/** They are unmounted when the last container has ended: most often that is long past. */
async function waitForVolumes(stopped: Promise<void>): Promise<string | void> {
  if (!await settlesWithin(VOLUMES_MS, stopped)) return "some may still be mounted";
  await stopped;
}

/** A server that does not answer must not keep the machine from ending. */
async function syncDisks(): Promise<string | undefined> {
  if (await syncWithin(SYNC_PATIENCE_MS)) return undefined;
  return `not within ${SYNC_PATIENCE_MS / 1000} s: what a disk or a server has not taken is lost`;
}

/** Whatever runs besides: what it has open would keep file systems from being unmounted. */
async function endProcesses(): Promise<void> {
  killAll(Signal.TERM);
  const start = performance.now();
  // All processes descend from this one, and those whose parent ends become its children.
  while (hasChildren()) {
    if (performance.now() - start >= LEFTOVER_MS) return killAll(Signal.KILL);
    await new Promise((resolve) => setTimeout(resolve, LEFTOVER_LOOK_MS));
  }
}
