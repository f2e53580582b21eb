import type { Digest } from "../../../src/registry/digest.ts";
import type { SupervisorStatus } from "../../../src/supervisor/supervisor.ts";
import { pushScript } from "../busybox_image.ts";
import { type RegistryServer, startRegistry } from "../registry_server.ts";
import { Guest, type GuestOptions } from "./guest.ts";
import { GuestNetwork } from "./guest_network.ts";

/** A network with a registry and a server that has the configuration of a guest in it. */
export class GuestFixture implements AsyncDisposable {
  readonly network: GuestNetwork;
  readonly registry: RegistryServer;
  readonly #configurations: Deno.HttpServer<Deno.NetAddr>;
  #configuration: object = {};

  private constructor(network: GuestNetwork) {
    const { address: hostname } = network;
    this.network = network;
    this.registry = network.inside(() => startRegistry({ hostname }));
    this.#configurations = network.inside(() =>
      Deno.serve(
        { hostname, port: 0, onListen() {} },
        () => Response.json(this.#configuration),
      )
    );
  }

  /** @param names as for {@linkcode GuestNetwork.create} */
  static async create(
    options: { names?: Readonly<Record<string, readonly string[]>> } = {},
  ): Promise<GuestFixture> {
    return new GuestFixture(await GuestNetwork.create(options));
  }

  /** Sets the configuration; what runs has to be told (SIGHUP). */
  configure(configuration: object): void {
    this.#configuration = configuration;
  }

  /** Where the configuration is. */
  get configurationUrl(): string {
    return `http://${this.network.address}:${this.#configurations.addr.port}/frontloader.json`;
  }

  /** Boots a guest that gets the configuration. */
  boot({ words = [], ...options }: GuestOptions): Guest {
    const { network, configurationUrl } = this;
    return new Guest({ ...options, network, words: [`FL_URL=${configurationUrl}`, ...words] });
  }

  /** The manifest URL of an image in the registry. */
  image(repository: string): string {
    return `${this.registry.origin}/v2/${repository}/manifests/latest`;
  }

  /** Pushes an image that runs a shell script. */
  push(repository: string, script: string): Promise<Digest> {
    return pushScript(this.registry, repository, script);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#configurations.shutdown();
    await this.registry.close();
    await this.network[Symbol.asyncDispose]();
  }
}

/** `frontloader status --json` in a guest. */
export async function guestStatus(guest: Guest): Promise<SupervisorStatus> {
  return JSON.parse(await guest.run("frontloader status --json"));
}
