import { getLogger } from "@logtape/logtape";
import { Signal } from "../../ffi/process.ts";
import type { ChainId } from "../image/chain_id.ts";
import { mountInstanceRoot, ROOT_FS_PREFIX, unmountRootFs } from "../image/root_fs.ts";
import { errorChain } from "../log/error_chain.ts";
import type { CgroupTree } from "./cgroup/cgroup_tree.ts";
import type { CgroupDirectory } from "./cgroup/instance_cgroup.ts";
import type { RunningInstance } from "./container_driver.ts";
import { jobSpecOf, launchJob } from "./job_launcher.ts";
import { killFamily } from "./kill_family.ts";
import { launchSpecOf } from "./launch_spec_of.ts";
import type { LaunchSpec } from "./launch_spec.ts";
import { type OutputStream, type RunningContainer, Stage } from "./launcher.ts";
import { type DeviceLogSockets, ownLogSocket } from "./own_log_socket.ts";
import { showVariable } from "./show_variable.ts";
import { noteInstance } from "./leftovers.ts";
import type { Release } from "./lifecycle.ts";
import type { StagePool } from "./stage_pool.ts";

const logger = getLogger(["frontloader", "launcher"]);

/** What instances need of the machine. */
export interface InstancePlace {
  /** Directory of the unpacked layers. */
  readonly layersDirectory: string;
  /** Name of a layer's directory in it. */
  layerName(chainId: ChainId): string;
  /** Directory for one of each instance: it says that there is an instance of this name, and holds the note on it. */
  readonly instancesDirectory: string;
  /** Path of the static init (tini). */
  readonly init: string;
  /** Variables that every container of this machine gets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where stage processes come from. */
  readonly stages: StagePool;
  readonly cgroups: CgroupTree;
  /** Where what programs log is received; absent where that is others' business. */
  readonly deviceLog?: DeviceLogSockets | undefined;
  /** Shown as the source of root file systems in the kernel's list of mounts. */
  readonly mountSource: string;
}

/**
 * Launches one instance of a release: its root file system is mounted at `/tmp/frontloader.rootfs.XXXXXX` until the program
 * runs, and is then in the container's mount namespace alone. Whatever fails, nothing is left behind.
 *
 * @param onLine called with each line of output
 * @returns once the program runs
 * @throws {Error} if it does not come to that
 */
export async function launchInstance(
  release: Release,
  place: InstancePlace,
  onLine: (line: string, stream: OutputStream) => void,
): Promise<RunningInstance> {
  // The same six characters in both places tie them together for whoever has to clean up (`run_directory.ts`).
  const suffix = makeDirectory(place.instancesDirectory);
  const directory = `${place.instancesDirectory}/${suffix}`;
  const rootFs = ROOT_FS_PREFIX + suffix;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => Deno.remove(directory));
  undo.defer(() => unmountRootFs(rootFs));
  // Before the rest, since it takes longest: its runtime may have to start first.
  const { id, hostPid, limits, logEnvironment } = release.settings;
  const stage = undo.use(hostPid ? new Stage({ hostPid }) : place.stages.take());
  const cgroup = await place.cgroups.make(`${id}.${suffix}`, limits);
  if (cgroup !== undefined) undo.defer(() => place.cgroups.remove(cgroup));
  Deno.mkdirSync(rootFs, { mode: 0o700 });
  mountInstanceRoot(directory, {
    layersDirectory: place.layersDirectory,
    layers: release.image.layers.map((chainId) => place.layerName(chainId)),
    target: rootFs,
    source: place.mountSource,
  });
  const log = ownLogSocket(release.settings, directory, place.deviceLog);
  undo.defer(log.close);
  const { init, environment } = place;
  const settings = { ...release.settings, mounts: log.mounts };
  const spec = launchSpecOf({ ...release, settings }, {
    rootFs,
    init,
    cgroup: cgroup?.path,
    environment,
  });
  if (logEnvironment) logVariables(id, spec.env);
  const container = await launch(stage, spec, { cgroup, onLine });
  // It runs: nothing is undone from here on, whatever happens.
  undo.move();
  note(directory, { id, pid: container.pid, hostPid });
  try {
    unmountRootFs(rootFs);
  } catch (error) {
    logger.error("A root file system stays mounted until Frontloader ends: {reason}", {
      reason: errorChain(error).join(": "),
    });
  }
  return {
    pid: container.pid,
    ended: container.ended.finally(() => {
      if (cgroup !== undefined) place.cgroups.remove(cgroup);
      log.close();
      // The note alone is in there: what the container wrote is elsewhere, and ended with it.
      return Deno.remove(directory, { recursive: true });
    }),
    ...cgroup && { cgroup },
    terminate: (signal) => container.signal(Signal[signal]),
    startJob: (command, onLine) => launchJob(container, jobSpecOf(spec, command, init), onLine),
    timeZone: spec.env["TZ"],
    kill: () => hostPid ? container.whileItLives(killFamily) : container.signal(Signal.KILL),
  };
}

/** Launches a stage; where it was killed for want of memory the error says so. */
async function launch(
  stage: Stage,
  spec: LaunchSpec,
  { cgroup, onLine }: {
    readonly cgroup: CgroupDirectory | undefined;
    readonly onLine: (line: string, stream: OutputStream) => void;
  },
): Promise<RunningContainer> {
  try {
    return await stage.launch(spec, onLine);
  } catch (error) {
    const reason = cgroup?.whyKilled();
    throw reason === undefined ? error : new Error(reason, { cause: error });
  }
}

function note(directory: string, instance: Parameters<typeof noteInstance>[1]): void {
  try {
    noteInstance(directory, instance);
  } catch (error) {
    logger.error("The next Frontloader would not wait for this instance to end: {reason}", {
      reason: errorChain(error).join(": "),
    });
  }
}

function logVariables(id: string, env: LaunchSpec["env"]): void {
  const containerLogger = getLogger(["frontloader", id]);
  for (const [name, value] of Object.entries(env)) {
    containerLogger.info("Environment {variable}", { variable: showVariable(name, value) });
  }
}

const SUFFIX_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** Makes a directory with a random name of six characters in `parent`, and returns the name. */
function makeDirectory(parent: string): string {
  while (true) {
    const random = crypto.getRandomValues(new Uint32Array(6));
    const name = Array.from(random, (n) => SUFFIX_CHARACTERS[n % SUFFIX_CHARACTERS.length]).join(
      "",
    );
    try {
      Deno.mkdirSync(`${parent}/${name}`, { mode: 0o700 });
      return name;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}
