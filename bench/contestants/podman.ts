import { addUsage, run, runMeasured, secondsToOutput, type Usage } from "../commands.ts";
import { APPLICATION, PRINT_VERSION } from "../image.ts";
import { CONTROL_GROUP } from "../sandbox.ts";
import type { Puller, Runner } from "./contestant.ts";

/** podman, with a store of the bench's own. */
export class Podman implements Puller, Runner {
  readonly name = "podman";
  readonly how = {
    pull: "`podman pull`, `podman image mount`",
    launch: "`podman run --rm --net=host`",
    upgrade: "`podman pull`, `podman run`",
  };
  readonly #registry: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #policy: string;

  private constructor(registry: string, directory: string) {
    this.#registry = registry;
    this.#policy = `${directory}/policy.json`;
    this.#env = {
      CONTAINERS_CONF: `${directory}/containers.conf`,
      CONTAINERS_STORAGE_CONF: `${directory}/storage.conf`,
    };
  }

  /** Sets up a store in `directory`. */
  static async install(registry: string, directory: string): Promise<Podman> {
    await Deno.mkdir(directory);
    const podman = new Podman(registry, directory);
    // cgroupfs and no events: there need not be a systemd.
    await Deno.writeTextFile(
      podman.#env.CONTAINERS_CONF!,
      `[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = "${directory}/tmp"
`,
    );
    await Deno.writeTextFile(
      podman.#env.CONTAINERS_STORAGE_CONF!,
      `[storage]
driver = "overlay"
graphroot = "${directory}/root"
runroot = "${directory}/run"
`,
    );
    await Deno.writeTextFile(
      podman.#policy,
      JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
    );
    return podman;
  }

  async pull(repository: string): Promise<Usage> {
    return addUsage(
      await this.#pull(repository),
      await runMeasured("podman", ["image", "mount", this.#image(repository)], { env: this.#env }),
    );
  }

  async rootFs(repository: string): Promise<string> {
    const mounts: { mountpoint: string; Repositories: string[] }[] = JSON.parse(
      await this.#run("image", "mount", "--format=json"),
    );
    const image = this.#image(repository);
    return mounts.find(({ Repositories }) => Repositories.includes(image))!.mountpoint;
  }

  async discard(repository: string): Promise<void> {
    await this.#run("image", "unmount", this.#image(repository));
    await this.#run("rmi", "--all", "--force");
    const left = await this.#run("images", "--all", "--quiet");
    if (left !== "") throw new Error(`podman keeps images: ${left}`);
  }

  async prepare(): Promise<void> {
    await this.#pull(APPLICATION);
  }

  launch(version: string): Promise<number> {
    const args = [
      "run",
      "--rm",
      "--net=host",
      `--cgroup-parent=/${CONTROL_GROUP}`,
      "--pull=never",
      this.#image(APPLICATION),
      "/bin/sh",
      "-c",
      PRINT_VERSION,
    ];
    return secondsToOutput("podman", args, version, { env: this.#env });
  }

  async upgrade(version: string): Promise<number> {
    const { seconds } = await this.#pull(APPLICATION);
    return seconds + await this.launch(version);
  }

  #image(repository: string): string {
    return `${this.#registry}/${repository}:latest`;
  }

  #pull(repository: string): Promise<Usage> {
    return runMeasured("podman", [
      "pull",
      "--quiet",
      "--tls-verify=false",
      `--signature-policy=${this.#policy}`,
      this.#image(repository),
    ], { env: this.#env });
  }

  #run(...args: string[]): Promise<string> {
    return run("podman", args, { env: this.#env });
  }
}
