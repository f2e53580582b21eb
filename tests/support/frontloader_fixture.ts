import { umount, UmountFlag } from "../../ffi/mount.ts";
import type { Digest } from "../../src/registry/digest.ts";
import type { ContainerStatus } from "../../src/container/container_driver.ts";
import { pushScript } from "./busybox_image.ts";
import {
  eventually,
  type FrontloaderOptions,
  type RunningFrontloader,
  startFrontloader,
} from "./frontloader.ts";
import { namesIn } from "./machine_facts.ts";
import { mountsWith, rootFsDirectories } from "./process_facts.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";
import { type RegistryServer, startRegistry } from "./registry_server.ts";

/**
 * Everything that Frontloader needs to run on this machine apart from all others: a run directory, a configuration, and a
 * registry inside of the process. What was started is stopped when it is disposed of.
 */
export class FrontloaderFixture implements AsyncDisposable {
  readonly registry: RegistryServer;
  readonly #directory = new TemporaryDirectory();
  readonly #started: RunningFrontloader[] = [];
  readonly #rootFs = rootFsDirectories();

  /** @param registry closed with the fixture */
  constructor(registry: RegistryServer = startRegistry()) {
    this.registry = registry;
  }

  /** A directory for the test's own files. */
  get directory(): string {
    return this.#directory.path;
  }

  get runDirectory(): string {
    return `${this.directory}/run`;
  }

  /** Where images and instances are, while it runs. */
  get store(): string {
    return `${this.runDirectory}/store`;
  }

  get configurationFile(): string {
    return `${this.directory}/configuration.json`;
  }

  /** Writes the configuration, a text or an object; what runs has to be told (SIGHUP). */
  configure(configuration: string | object): void {
    const text = typeof configuration === "string" ? configuration : JSON.stringify(configuration);
    // By one rename: a reload must not find half of it.
    Deno.writeTextFileSync(`${this.configurationFile}.new`, text);
    Deno.renameSync(`${this.configurationFile}.new`, this.configurationFile);
  }

  /**
   * Starts Frontloader with the configuration that has been written.
   *
   * @param env further environment
   * @param options `args` in place of `-c` with that configuration; `prefix`: a command that executes it;
   * `main`: what is executed in its place
   */
  start(
    env: Readonly<Record<string, string>> = {},
    { args = ["-c", this.configurationFile], prefix, main }: Partial<FrontloaderOptions> = {},
  ): RunningFrontloader {
    const { runDirectory } = this;
    const started = startFrontloader({ args, runDirectory, env, prefix, main });
    this.#started.push(started);
    return started;
  }

  /** The manifest URL of an image in the registry. */
  image(repository: string, tag = "latest"): string {
    return `${this.registry.origin}/v2/${repository}/manifests/${tag}`;
  }

  /** Pushes an image that runs a shell script. */
  push(repository: string, script: string): Promise<Digest> {
    return pushScript(this.registry, repository, script);
  }

  /**
   * Waits until nothing of it is left on the machine; to be called when nothing of it runs.
   *
   * @throws {Error} if something stays
   */
  async assertNothingLeft(): Promise<void> {
    await eventually("nothing is left", () => {
      const left = [
        ...mountsWith(this.directory),
        ...rootFsDirectories().filter((name) => !this.#rootFs.includes(name)),
        // A lock file that is removed could be locked by two (flock(2) is on the file, not its name).
        ...namesIn(this.runDirectory).filter((name) => name !== "lock"),
      ];
      if (left.length > 0) throw new Error(left.join("\n"));
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((one) => one[Symbol.asyncDispose]()));
    await this.registry.close();
    // One that was killed leaves its mounts to the next one, which a test that has failed may not have come to.
    for (const line of mountsWith(this.directory).toReversed()) {
      umount(line.split(" ")[4]!, UmountFlag.DETACH);
    }
    this.#directory[Symbol.dispose]();
  }
}

/** What `frontloader status` tells of one container. */
export async function containerStatus(
  frontloader: RunningFrontloader,
  id: string,
): Promise<ContainerStatus> {
  const { containers } = await frontloader.askStatus();
  const found = containers.find((container) => container.id === id);
  if (found === undefined) throw new Error(`No container ${id} in the status`);
  return found;
}

/** A script that says `LINE`, and runs until it gets TERM. */
export function untilTerm(line: string): string {
  return `trap 'echo "${line} ends"; exit 0' TERM\necho "${line}"\nsleep 1000 & wait`;
}
