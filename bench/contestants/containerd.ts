import { addUsage, run, runMeasured, secondsToOutput, until, type Usage } from "../commands.ts";
import { APPLICATION, PRINT_VERSION } from "../image.ts";
import { daemonUsage, resetPeak } from "../process_usage.ts";
import { CONTROL_GROUP } from "../sandbox.ts";
import type { Puller, Runner } from "./contestant.ts";

/** containerd, by its own command line tool `ctr`, with a daemon of the bench's own. */
export class Containerd implements Puller, Runner {
  readonly name = "containerd";
  readonly how = {
    pull: "`ctr images pull`, `ctr images mount`",
    launch: "`ctr run --rm --net-host`",
    upgrade: "`ctr images pull`, `ctr run`",
  };
  readonly #registry: string;
  readonly #directory: string;
  readonly #pid: number;
  #containers = 0;

  private constructor(registry: string, directory: string, pid: number) {
    this.#registry = registry;
    this.#directory = directory;
    this.#pid = pid;
  }

  /** Starts a daemon, which runs as long as the sandbox. */
  static async start(registry: string, directory: string): Promise<Containerd> {
    await Deno.mkdir(`${directory}/mount`, { recursive: true });
    const configuration = `${directory}/config.toml`;
    // The CRI plugin is Kubernetes' entrance, and would want networks set up.
    await Deno.writeTextFile(
      configuration,
      `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${directory}/socket"
[plugins."io.containerd.internal.v1.opt"]
path = "${directory}/opt"
`,
    );
    const { pid } = new Deno.Command("containerd", {
      args: [`--config=${configuration}`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const containerd = new Containerd(registry, directory, pid);
    await until(
      "containerd answers",
      () => run("ctr", containerd.#args("version")).then(() => true, () => false),
    );
    return containerd;
  }

  async pull(repository: string): Promise<Usage> {
    await resetPeak(this.#pid);
    const before = await daemonUsage(this.#pid);
    const clients = addUsage(
      await runMeasured("ctr", this.#args(...this.#pullArgs(repository))),
      await runMeasured(
        "ctr",
        this.#args("images", "mount", this.#image(repository), this.#mountPoint),
      ),
    );
    const after = await daemonUsage(this.#pid);
    return {
      seconds: clients.seconds,
      cpuSeconds: clients.cpuSeconds + after.cpuSeconds - before.cpuSeconds,
      peakBytes: Math.max(clients.peakBytes, after.peakBytes),
    };
  }

  rootFs(): Promise<string> {
    return Promise.resolve(this.#mountPoint);
  }

  async discard(repository: string): Promise<void> {
    await run("ctr", this.#args("images", "unmount", "--rm", this.#mountPoint));
    await run("ctr", this.#args("images", "rm", "--sync", this.#image(repository)));
    await until("containerd has no content and no snapshots any more", async () => {
      const content = await run("ctr", this.#args("content", "ls", "--quiet"));
      const snapshots = await run("ctr", this.#args("snapshots", "ls"));
      return content === "" && snapshots.split("\n").length === 1;
    });
  }

  async prepare(): Promise<void> {
    await run("ctr", this.#args(...this.#pullArgs(APPLICATION)));
  }

  launch(version: string): Promise<number> {
    const args = this.#args(
      "run",
      "--rm",
      "--net-host",
      this.#image(APPLICATION),
      `bench-${++this.#containers}`,
      "/bin/sh",
      "-c",
      PRINT_VERSION,
    );
    return secondsToOutput("ctr", args, version);
  }

  async upgrade(version: string): Promise<number> {
    const { seconds } = await runMeasured("ctr", this.#args(...this.#pullArgs(APPLICATION)));
    return seconds + await this.launch(version);
  }

  get #mountPoint(): string {
    return `${this.#directory}/mount`;
  }

  #image(repository: string): string {
    return `${this.#registry}/${repository}:latest`;
  }

  #pullArgs(repository: string): string[] {
    return ["images", "pull", "--plain-http", this.#image(repository)];
  }

  /** The namespace also names the control group of its containers. */
  #args(...args: string[]): string[] {
    return [`--address=${this.#directory}/socket`, `--namespace=${CONTROL_GROUP}`, ...args];
  }
}
