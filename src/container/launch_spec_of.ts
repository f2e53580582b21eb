import type { ImageConfig } from "../image/image_config.ts";
import { DEFAULT_ROOT_CAPABILITIES } from "./default_capabilities.ts";
import { containerEnvironment } from "./environment.ts";
import type { LaunchSpec } from "./launch_spec.ts";
import type { Release } from "./lifecycle.ts";
import { machineFiles } from "./machine_files.ts";
import { seccompFilter } from "./seccomp/filter.ts";

/** What a launch needs besides the release. */
export interface LaunchPlace {
  /** Where the root file system is mounted. */
  readonly rootFs: string;
  /** Path of the static init. */
  readonly init: string;
  /** Path of the instance's cgroup, if it has one. */
  readonly cgroup: string | undefined;
  /** Variables that every container of this machine gets. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Works out what a container is to be: its settings over its image's configuration over the defaults.
 *
 * @throws {Error} if nothing says what to run
 */
export function launchSpecOf(
  { settings, image }: Release,
  { rootFs, init, cgroup, environment }: LaunchPlace,
): LaunchSpec {
  const { uid, gid, limits: { filedescriptors } } = settings;
  const capabilities = settings.capabilities ?? (uid === 0 ? DEFAULT_ROOT_CAPABILITIES : []);
  return {
    rootFs,
    init: settings.init ? init : null,
    finalSignal: settings.finalSignal,
    hostPid: settings.hostPid,
    cgroup: cgroup ?? null,
    readOnly: settings.readOnly,
    argv: commandOf(settings.command, image.config),
    env: containerEnvironment({
      image: image.config.env,
      machine: environment,
      settings: settings.environment,
      uid,
    }),
    cwd: image.config.workingDir || "/",
    uid,
    gid,
    groups: settings.groups,
    capabilities,
    seccomp: settings.seccomp ? seccompFilter(capabilities) : null,
    mounts: settings.mounts,
    tmpfs: settings.tmpfs,
    // The settings' come last: they are what stays.
    files: [...machineFiles(settings.hostname), ...settings.files],
    ...filedescriptors === undefined ? {} : { openFiles: filedescriptors },
    ...settings.hostname === undefined ? {} : { hostname: settings.hostname },
  };
}

/** The settings' command replaces the image's Entrypoint and Cmd alike. */
function commandOf(
  command: readonly string[] | undefined,
  { entrypoint, cmd }: ImageConfig,
): readonly string[] {
  const argv = command ?? [...entrypoint, ...cmd];
  if (argv.length === 0) {
    throw new Error(
      `Cannot start the container: neither its settings ("command") nor its image say what to run`,
    );
  }
  return argv;
}
