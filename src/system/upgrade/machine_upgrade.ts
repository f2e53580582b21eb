import { withDigest } from "../../registry/reference.ts";
import type { ImageService } from "../../supervisor/image_service.ts";
import { buildInfo } from "../boot/build_info.ts";
import { nextCommandLine, startedFrom } from "./command_line.ts";
import { KernelDriver } from "./kernel_driver.ts";
import { commitOf } from "./kernel_image.ts";
import { loadKernel } from "./load_kernel.ts";
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
  /** Ends the running system, and starts the one that is loaded. */
  leave(reason: string): void;
}

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
  return new KernelDriver(
    {
      resolveDigest: (settings, signal) => images.resolveDigest(settings, signal),
      async commitOf({ credentials, image }, digest, signal) {
        const access = { credentials, image: withDigest(image, digest) };
        const { config } = await images.inspect(access, signal);
        return commitOf(config.labels ?? {});
      },
      async load({ credentials, image, commandLine }, digest, signal) {
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
        });
      },
      leave,
    },
    commit,
    startedFrom(environment),
  );
}
