import { getLogger } from "@logtape/logtape";
import { withDigest } from "../../registry/reference.ts";
import type { ImageService } from "../../supervisor/image_service.ts";
import { buildInfo } from "../boot/build_info.ts";
import { nextCommandLine, startedFrom } from "./command_line.ts";
import { KernelDriver } from "./kernel_driver.ts";
import { commitOf } from "./kernel_image.ts";
import { loadKernel } from "./load_kernel.ts";

const logger = getLogger(["frontloader", "kernel"]);

/** What {@linkcode machineKernel} is told. */
export interface MachineKernelOptions {
  /** `FL_NO_SYSUPGRADE`: nothing is upgraded; `FL_KERNEL_DIGEST`: what this system was started from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly images: ImageService;
  /** A directory for the next system's image; in a tmpfs, and not there yet. */
  readonly directory: string;
  /** Shown as the source of mounts in the kernel's list. */
  readonly mountSource: string;
  /** Ends the running system, and starts the one that is loaded. */
  leave(reason: string): void;
}

/**
 * What upgrades this machine's system.
 *
 * @returns undefined if it is not to be upgraded, or does not know what it is; the log says so
 */
export function machineKernel(
  { environment, images, directory, mountSource, leave }: MachineKernelOptions,
): KernelDriver | undefined {
  if (environment["FL_NO_SYSUPGRADE"]) {
    logger.info("This system is not upgraded, as FL_NO_SYSUPGRADE says");
    return undefined;
  }
  const { commit } = buildInfo();
  if (commit === undefined) {
    logger.warn(
      "This system is not upgraded: it does not say in /etc/os-release which commit it is",
    );
    return undefined;
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
