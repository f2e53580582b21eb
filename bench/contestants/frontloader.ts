import { run, runMeasured, type Usage } from "../commands.ts";
import { APPLICATION, PRINT_VERSION } from "../image.ts";
import { LogReader } from "../log_reader.ts";
import type { Launcher, Puller, Runner } from "./contestant.ts";

const CONTAINER_ID = "bench";

/** Frontloader, in the form of the product: the bundle, outside of the source tree. */
export class Frontloader implements Puller, Runner {
  readonly name = "Frontloader";
  readonly how = {
    pull: "`frontloader pull`",
    launch:
      "restart of a container that has ended; nothing is prepared, the stage process starts, too",
    upgrade: "`frontloader update` to a running supervisor",
  };
  readonly #registry: string;
  readonly #directory: string;
  readonly #env: Readonly<Record<string, string>>;
  #supervisor: { readonly process: Deno.ChildProcess; readonly log: LogReader } | undefined;
  #launches = 0;
  /** Of the container that runs. */
  #pid: number | undefined;

  private constructor(registry: string, directory: string) {
    this.#registry = registry;
    this.#directory = directory;
    this.#env = { FL_RUN_DIR: `${directory}/run`, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  }

  /** @param bundle the directory that `./build.sh bundle` fills */
  static async install(bundle: string, registry: string, directory: string): Promise<Frontloader> {
    await Deno.mkdir(`${directory}/mount`, { recursive: true });
    await run("cp", ["-r", bundle, `${directory}/program`]);
    return new Frontloader(registry, directory);
  }

  /** `frontloader version` */
  async version(): Promise<string> {
    return await run(Deno.execPath(), this.#args("version"), { env: this.#env });
  }

  async pull(repository: string): Promise<Usage> {
    const args = this.#args("pull", this.#manifest(repository), this.#mountPoint);
    return await runMeasured(Deno.execPath(), args, { env: this.#env });
  }

  rootFs(): Promise<string> {
    return Promise.resolve(this.#mountPoint);
  }

  async discard(): Promise<void> {
    await run("umount", [this.#mountPoint]);
  }

  /** Starts the supervisor, which runs as long as the sandbox. */
  async prepare(version: string): Promise<void> {
    await this.#configure();
    const process = new Deno.Command(Deno.execPath(), {
      args: this.#args("run", "--debug", "-c", this.#configuration),
      env: { ...this.#env },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const log = new LogReader(process.stdout);
    this.#supervisor = { process, log };
    await log.find(isOutput(version));
  }

  /** Ends the container, upon which it is started again. */
  async launch(version: string): Promise<number> {
    // One that has just been replaced is started again after the shortest back-off.
    await this.#replace(version);
    const { log } = this.#running();
    const from = log.length;
    Deno.kill(this.#pid!, "SIGKILL");
    return await this.#launchSince(from, version);
  }

  /** A launch as it is at an upgrade: the stage process was started when the pull began. */
  get replacement(): Launcher {
    return {
      name: "Frontloader, at an upgrade",
      how: {
        launch:
          "replacement of a container; the stage process started while the registry was asked",
      },
      launch: (version) => this.#replace(version),
    };
  }

  /** Changes an environment variable in the configuration, upon which the container is replaced. */
  async #replace(version: string): Promise<number> {
    const { process, log } = this.#running();
    const from = log.length;
    this.#launches++;
    await this.#configure();
    process.kill("SIGHUP");
    const seconds = await this.#launchSince(from, version);
    await log.find(/ bench: Instance \d+ ended/, from);
    return seconds;
  }

  async #launchSince(from: number, version: string): Promise<number> {
    const { log } = this.#running();
    const begin = await log.find(/ bench: Launching instance \d+/, from);
    const output = await log.find(isOutput(version), from);
    const runs = await log.find(/ bench: Instance \d+ runs pid=\d+/, from);
    this.#pid = Number(/pid=(\d+)/.exec(runs.text)![1]);
    return (output.loggedAt - begin.loggedAt) / 1000;
  }

  async upgrade(version: string): Promise<number> {
    const { log } = this.#running();
    const from = log.length;
    const start = performance.now();
    const asked = run(Deno.execPath(), this.#args("update"), { env: this.#env });
    const { readAt } = await log.find(isOutput(version), from);
    await asked;
    await log.find(/ bench: Instance \d+ ended/, from);
    return (readAt - start) / 1000;
  }

  #running() {
    if (this.#supervisor === undefined) throw new Error("The supervisor has not been started");
    return this.#supervisor;
  }

  get #mountPoint(): string {
    return `${this.#directory}/mount`;
  }

  get #configuration(): string {
    return `${this.#directory}/config.jsonc`;
  }

  async #configure(): Promise<void> {
    const container = {
      id: CONTAINER_ID,
      manifest: this.#manifest(APPLICATION),
      command: ["/bin/sh", "-c", `${PRINT_VERSION}; exec sleep infinity`],
      environment: { LAUNCH: this.#launches },
    };
    await Deno.writeTextFile(this.#configuration, JSON.stringify({ container }));
  }

  #manifest(repository: string): string {
    return `http://${this.#registry}/v2/${repository}/manifests/latest`;
  }

  #args(...args: string[]): string[] {
    return ["run", "--quiet", "--allow-all", `${this.#directory}/program/main.js`, ...args];
  }
}

/** The container's first line of output. */
function isOutput(version: string): RegExp {
  return new RegExp(` ${CONTAINER_ID}\\| ${version}$`);
}
