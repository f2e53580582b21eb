import type { Digest } from "../../registry/digest.ts";
import { formatReference, type ImageReference, withDigest } from "../../registry/reference.ts";
import type { ImageService } from "../../supervisor/image_service.ts";
import { buildInfo } from "../boot/build_info.ts";
import { nextCommandLine, startedFrom } from "./command_line.ts";
import { countPartition } from "./count_partition.ts";
import { requireMemory } from "./free_memory.ts";
import { KernelDriver, UnfitImageError } from "./kernel_driver.ts";
import { commitOf } from "./kernel_image.ts";
import { loadKernel } from "./load_kernel.ts";
import { StartCounter } from "./start_counter.ts";
import { NoUpgrade, type SystemUpgrade } from "./system_upgrade.ts";

/** What the upgrade of a system needs of the rest of Frontloader. */
export interface SystemUpgradeOptions {
  readonly images: ImageService;
  /** A directory for the next system's image; in a tmpfs, and not there yet. */
  readonly directory: string;
  /** Shown as the source of mounts in the kernel's list. */
  readonly mountSource: string;
}

/** What the upgrade of a machine's system needs of the machine. */
export interface MachineSide {
  /** `FL_NO_SYSUPGRADE`: nothing is upgraded; `FL_KERNEL_DIGEST`: what this system was started from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Ends the running system, and starts the one that is loaded.
   *
   * @param countStart is to be called right before that; says what came of it
   */
  leave(reason: string, countStart: () => Promise<string>): void;
}

/** So often an image is started that does not come to run: once it may have been the power that failed. */
const MOST_STARTS = 2;

/** What upgrades the system of a machine whose init this is. */
export function machineUpgrade(
  { images, directory, mountSource }: SystemUpgradeOptions,
  { environment, leave }: MachineSide,
): SystemUpgrade {
  if (environment["FL_NO_SYSUPGRADE"]) return new NoUpgrade("FL_NO_SYSUPGRADE is set");
  const { commit } = buildInfo();
  if (commit === undefined) {
    return new NoUpgrade("this system does not say which commit it is, in /etc/os-release");
  }
  const counter = new StartCounter(countPartition);
  /** What there was no memory for is not even pulled until there is. */
  let postponed: { readonly digest: Digest; readonly needed: number } | undefined;
  return new KernelDriver(
    {
      resolveDigest: (settings, signal) => images.resolveDigest(settings, signal),
      async commitOf({ credentials, image }, digest, signal) {
        const access = { credentials, image: withDigest(image, digest) };
        const { config } = await images.inspect(access, signal);
        return commitOf(config.labels ?? {});
      },
      async load({ credentials, image, commandLine }, digest, signal) {
        const starts = await counter.starts(digest);
        if (starts >= MOST_STARTS) throw new UnfitImageError(neverRan(image, starts));
        if (postponed?.digest === digest) {
          requireMemory("Pulling and loading the next kernel", postponed.needed);
        }
        await loadKernel({
          pull: (store) =>
            images.pullInto(store, { credentials, image: withDigest(image, digest) }, signal),
          commandLine: nextCommandLine({
            configured: commandLine,
            running: Deno.readTextFileSync("/proc/cmdline").trim(),
            digest,
          }),
          directory,
          mountSource,
          onNoMemory: (needed) => postponed = { digest, needed },
        });
      },
      leave: (reason, digest) => leave(reason, () => counter.add(digest)),
      confirm: (digest) => counter.confirm(digest),
    },
    commit,
    startedFrom(environment),
  );
}

function neverRan(image: ImageReference, starts: number): string {
  const name = formatReference(image);
  return `The system of ${name} was started ${starts} times, and each time this machine came back from its disk before it had ` +
    "run for a minute: only another image is tried";
}
