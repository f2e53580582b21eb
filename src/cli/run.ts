import { parseArgs } from "node:util";
import { getLogger } from "@logtape/logtape";
import { setHostname } from "../../ffi/namespaces.ts";
import { EcrTokens } from "../aws/ecr_tokens.ts";
import { instanceIdentity } from "../aws/instance_identity.ts";
import { findInitProgram } from "../container/init_program.ts";
import { CgroupTree } from "../container/cgroup/cgroup_tree.ts";
import { launchInstance } from "../container/instance_launcher.ts";
import { containerOfProcess } from "../container/process_container.ts";
import { StagePool } from "../container/stage_pool.ts";
import { loadPrimary } from "../config/source/load_primary.ts";
import { type PrimarySource, primarySource } from "../config/source/primary_source.ts";
import { serveControl } from "../control/server.ts";
import { LayerStore } from "../image/layer_store.ts";
import { startLog } from "../log/log.ts";
import { takeMachineLogs } from "../log/machine_logs.ts";
import { SyslogForwarder } from "../log/syslog/forwarder.ts";
import { openConnection } from "../log/syslog/transport.ts";
import { ImageService } from "../supervisor/image_service.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { type Host, serviceHost } from "../system/host.ts";
import { asInit } from "../system/last_resort.ts";
import { Machine } from "../system/machine.ts";
import { KernelParameters } from "../system/kernel_parameters.ts";
import { MachineIdentity } from "../system/machine_identity.ts";
import { isMachineInit } from "../system/machine_init.ts";
import { OutOfMemoryScore, setOutOfMemoryScore } from "../system/out_of_memory.ts";
import { RunDirectory, runDirectoryPath } from "../system/run_directory.ts";
import { VERSION } from "../version.ts";
import { machineVolumes } from "../volumes/machine_volumes.ts";
import { VolumeManager } from "../volumes/volume_manager.ts";
import { awsServices } from "./aws_services.ts";
import { UsageError } from "./usage_error.ts";

const logger = getLogger(["frontloader", "supervisor"]);

/**
 * `frontloader [run] [-c URL]`: runs the configured containers until TERM or INT, then gives each all the time it takes to
 * end, and gives everything back. As the init of a machine it makes a running system of it before, and ends that after.
 *
 * @returns the exit status
 */
export async function run(args: readonly string[]): Promise<number> {
  if (!isMachineInit()) return await supervise(args, serviceHost);
  return await asInit(() => supervise(args, () => Machine.boot(Deno.env.toObject())));
}

async function supervise(
  args: readonly string[],
  makeHost: () => Host | Promise<Host>,
): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { config: { type: "string", short: "c" }, debug: { type: "boolean" } },
  });
  const syslog = new SyslogForwarder({
    sender: () => ({ hostname: Deno.hostname(), pid: Deno.pid }),
    open: openConnection,
  });
  const flushLog = startLog({
    level: values.debug ? "debug" : "info",
    forward: (record) => syslog.take(record),
  });
  reportUnexpectedErrors();
  const host = await makeHost();
  const environment = Deno.env.toObject();
  const { metadata, aws } = awsServices(environment);
  const { source, isInEc2, needsUserData } = sourceFor(values.config, environment, {
    metadata,
    aws,
  });
  const identity = new MachineIdentity({
    ask: () => instanceIdentity(metadata),
    setHostName: setHostname,
  }, { required: needsUserData });
  setOutOfMemoryScore(OutOfMemoryScore.SUPERVISOR);
  const init = findInitProgram();
  const directory = RunDirectory.open(runDirectoryPath());
  const store = LayerStore.open(directory.store);
  const images = new ImageService(store, new EcrTokens(aws));
  const kernelParameters = new KernelParameters();
  const cgroups = await CgroupTree.openOnMachine(directory.path);
  const stages = new StagePool();
  const upgrade = host.systemUpgrade({
    images,
    directory: `${directory.store}/kernel`,
    mountSource: directory.mountSource,
  });
  const volumes = new VolumeManager(machineVolumes);
  const supervisor = new Supervisor({
    async loadSettings() {
      const loaded = await loadPrimary(source);
      if (isInEc2) await identity.establish();
      await upgrade.configure(loaded.settings);
      return loaded;
    },
    containers: {
      async pull(settings, signal) {
        // What is pulled is started: the runtime of the stage starts in the meantime.
        stages.prepare();
        const pulled = await images.pull(settings, signal);
        const missing = volumes.missing(settings.mounts);
        if (missing === undefined) return pulled;
        logger.info("Container {id} waits for the volume {missing}", { id: settings.id, missing });
        await volumes.whenReady(settings.mounts, signal);
        // Meanwhile its layers may have been swept, and another image pushed. What is still there is not fetched again.
        return await images.pull(settings, signal);
      },
      leftovers: (id) =>
        directory.leftovers.filter((leftover) => leftover.id === id && leftover.isAlive),
      missingVolume: ({ mounts }) => volumes.missing(mounts),
      resolveDigest: (settings, signal) => images.resolveDigest(settings, signal),
      async launch(release, onLine) {
        // A start that follows no pull: its volume is being mounted anew, and below it is a directory of the machine.
        const missing = volumes.missing(release.settings.mounts);
        if (missing !== undefined) throw new Error(`The volume "${missing}" is not there`);
        return await launchInstance(release, {
          layersDirectory: store.layersDirectory,
          layerName: (chainId) => store.name(chainId),
          instancesDirectory: directory.instances,
          init,
          stages,
          cgroups,
          mountSource: directory.mountSource,
          deviceLog: machineLogs.deviceLog,
          environment: identity.environment,
        }, onLine);
      },
    },
    volumes,
    forwardLog: (targets) => syslog.configure(targets),
    setKernelParameters: (parameters) => kernelParameters.apply(parameters),
    sweepLayers: (inUse) => images.sweep(inUse),
  }, { source, version: VERSION });

  Deno.addSignalListener("SIGHUP", () => {
    logger.info("Reading the configuration again, as SIGHUP asks");
    supervisor.reload();
  });
  logger.info("Frontloader {version} starts", {
    version: VERSION,
    configuration: source.description,
  });
  const machineLogs = takeMachineLogs({
    environment,
    pid: Deno.pid,
    containerOf: (pid) => containerOfProcess(pid, supervisor.instances),
  });
  const control = serveControl(directory.socket, {
    status: () => ({ ...supervisor.status(), kernel: upgrade.status() }),
    update: (id) => supervisor.update(id),
  });
  supervisor.reload();
  const reason = await host.endAsked;
  upgrade.stop();
  logger.info("Stopping, as {reason} asks: containers get TERM and all the time they take", {
    reason,
  });
  const stopped = supervisor.stop();
  await Promise.race([stopped, host.endHurried]);
  await stages[Symbol.asyncDispose]();
  // Answers take a moment; a client that does not take its own must not hold up the end.
  await Promise.race([control.shutdown(), new Promise((end) => setTimeout(end, 1_000))]);
  await cgroups.close();
  directory.close();
  await machineLogs.close();
  logger.info("Stopped");
  await syslog.close();
  await flushLog();
  await host.end({ stopped, flushLog });
  return 0;
}

/** A mistake in the background must not take down everything that runs, and the machine where this is its init. */
function reportUnexpectedErrors(): void {
  for (const type of ["error", "unhandledrejection"] as const) {
    globalThis.addEventListener(type, (event) => {
      event.preventDefault();
      const error = "reason" in event ? event.reason : event.error;
      const reason = error instanceof Error ? error.stack : error;
      logger.error("Unexpected, please report it: {reason}", { reason });
    });
  }
}

/**
 * Where the configuration is. If nothing says it, an init goes on nevertheless, and says so again and again: when it exits the
 * kernel panics, and nobody reads why.
 *
 * @throws {UsageError} if nothing says it, and this is no init
 */
function sourceFor(...arguments_: Parameters<typeof primarySource>): PrimarySource {
  try {
    return primarySource(...arguments_);
  } catch (error) {
    if (!isMachineInit() || !(error instanceof UsageError)) throw error;
    const source = { description: "nowhere", load: () => Promise.reject(error) };
    return { source, isInEc2: false, needsUserData: false };
  }
}
