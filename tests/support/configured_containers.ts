/**
 * Containers as a configuration wants them, launched as the supervisor launches them, from a tree in place of a pulled image: for
 * tests of what a configuration means inside. Needs root.
 */
import { type ExitStatus, kill, Signal } from "../../ffi/process.ts";
import type { RunningInstance } from "../../src/container/container_driver.ts";
import { parsePrimary } from "../../src/config/parse.ts";
import { findInitProgram } from "../../src/container/init_program.ts";
import { CgroupTree } from "../../src/container/cgroup/cgroup_tree.ts";
import { launchInstance } from "../../src/container/instance_launcher.ts";
import type { OutputStream } from "../../src/container/launcher.ts";
import type { Release } from "../../src/container/lifecycle.ts";
import { StagePool } from "../../src/container/stage_pool.ts";
import { type ChainId, parseChainId } from "../../src/image/chain_id.ts";
import type { ImageConfig } from "../../src/image/image_config.ts";
import { commandText } from "./command.ts";
import { fakeDigest } from "./fake_containers.ts";
import { unpackImage } from "./local_image.ts";
import { debianImage } from "./real_images.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";

/** The trees that containers are made from. */
export type TreeName = "busybox" | "debian";

/** Makes one test for each tree: their tools differ, what a container is must not. */
export function testInTrees(name: string, test: (tree: TreeName) => Promise<void>): void {
  for (const tree of ["busybox", "debian"] as const) {
    Deno.test(`${name} (${tree})`, () => test(tree));
  }
}

/** What is run. */
export interface Launch {
  /** Keys of the container's configuration, as a person writes them. `manifest` need not be given. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The tree that is the image; busybox unless given. */
  readonly tree?: TreeName;
  /** Fills a layer on top of the tree. */
  readonly layer?: (root: string) => void;
  /** What the image says besides. */
  readonly image?: Partial<ImageConfig>;
  /** Called once it runs, with its pid, its output so far, and itself. */
  readonly whileRunning?: (
    pid: number,
    lines: readonly string[],
    instance: RunningInstance,
  ) => void | Promise<void>;
}

/** What a container put out and how it ended. */
export interface LaunchOutput {
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly status: ExitStatus;
}

/** Launches containers. */
export class ConfiguredContainers implements Disposable {
  readonly #directory = new TemporaryDirectory();
  readonly #stages = new StagePool();
  readonly #layers = new Map<ChainId, string>();

  private constructor() {
    for (const name of ["layers", "instances"]) Deno.mkdirSync(`${this.directory}/${name}`);
  }

  /** @param trees those that will be needed */
  static async create(...trees: TreeName[]): Promise<ConfiguredContainers> {
    const containers = new ConfiguredContainers();
    for (const tree of trees) await makers[tree](containers.treeDirectory(tree));
    return containers;
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }

  /** A directory of the machine for the test's own files. */
  get directory(): string {
    return this.#directory.path;
  }

  /** The directory of a tree, as containers find it. */
  treeDirectory(tree: TreeName): string {
    return `${this.directory}/layers/${tree}`;
  }

  /** The names of what is left of instances. */
  get instances(): string[] {
    return Array.from(Deno.readDirSync(`${this.directory}/instances`), ({ name }) => name);
  }

  /**
   * Runs a container to its end.
   *
   * @param command a script for the image's shell, or a program and its arguments
   * @throws {Error} if the configuration is wrong, or it does not start
   */
  async run(command: string | readonly string[], launch: Launch = {}): Promise<LaunchOutput> {
    const output = { stdout: [] as string[], stderr: [] as string[] };
    const instance = await this.launch(
      this.release(command, launch),
      (line, stream) => void output[stream].push(line),
    );
    try {
      await launch.whileRunning?.(instance.pid, output.stdout, instance);
    } catch (error) {
      // Nothing of a test that fails stays.
      kill(instance.pid, Signal.KILL);
      await instance.ended;
      throw error;
    }
    return { ...output, status: await instance.ended };
  }

  /**
   * What a container is launched from.
   *
   * @param command as for {@linkcode run}
   * @throws {Error} if the configuration is wrong
   */
  release(command: string | readonly string[], launch: Launch = {}): Release {
    const { settings = {}, tree = "busybox", layer, image } = launch;
    const text = JSON.stringify({ container: { manifest: "test", command, ...settings } });
    const [container] = parsePrimary(text, "test.json").containers;
    const layers = [this.#layer(tree)];
    if (layer !== undefined) {
      const name = `layer-${this.#layers.size}`;
      Deno.mkdirSync(`${this.directory}/layers/${name}`);
      layer(`${this.directory}/layers/${name}`);
      layers.push(this.#layer(name));
    }
    const config = { env: [], entrypoint: [], cmd: [], workingDir: "", user: "", ...image };
    return {
      settings: container!,
      image: { reference: container!.image, digest: fakeDigest("a"), layers, config },
    };
  }

  /** Launches a container. */
  launch(
    release: Release,
    onLine: (line: string, stream: OutputStream) => void,
  ): Promise<RunningInstance> {
    return launchInstance(release, {
      layersDirectory: `${this.directory}/layers`,
      layerName: (chainId) => this.#layers.get(chainId)!,
      instancesDirectory: `${this.directory}/instances`,
      init: findInitProgram(),
      environment: {},
      stages: this.#stages,
      cgroups: CgroupTree.none("this is a test"),
      mountSource: "frontloader-test",
    }, onLine);
  }

  /**
   * Runs a container that is expected to end well and to say nothing on standard error.
   *
   * @returns its output
   * @throws {Error} if it does not
   */
  async output(command: string | readonly string[], launch: Launch = {}): Promise<string[]> {
    const { stdout, stderr, status } = await this.run(command, launch);
    if (stderr.length > 0 || status.kind !== "exited" || status.code !== 0) {
      throw new Error(`${JSON.stringify(status)}\n${[...stdout, ...stderr].join("\n")}`);
    }
    return [...stdout];
  }

  #layer(name: string): ChainId {
    const chainId = parseChainId(`sha256:${this.#layers.size.toString(16).padStart(64, "0")}`);
    this.#layers.set(chainId, name);
    return chainId;
  }
}

const makers: Readonly<Record<TreeName, (directory: string) => Promise<void>>> = {
  async busybox(directory) {
    for (const name of ["bin", "etc", "tmp", "root"]) {
      Deno.mkdirSync(`${directory}/${name}`, { recursive: true });
    }
    Deno.copyFileSync("/bin/busybox", `${directory}/bin/busybox`);
    const applets = await commandText(["/bin/busybox", "--list"]);
    for (const applet of applets.trim().split("\n").filter((name) => name !== "busybox")) {
      Deno.symlinkSync("busybox", `${directory}/bin/${applet}`);
    }
  },
  async debian(directory) {
    using bundle = new TemporaryDirectory();
    const root = await unpackImage(await debianImage(), `${bundle.path}/bundle`);
    Deno.renameSync(root, directory);
  },
};
