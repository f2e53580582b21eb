import { pushScript } from "../busybox_image.ts";
import type { RegistryServer } from "../registry_server.ts";
import { startRegistry } from "../registry_server.ts";
import { APPLIANCE } from "./appliance.ts";
import { CONSOLE, Guest, type GuestOptions } from "./guest.ts";
import { GuestNetwork } from "./guest_network.ts";

/** What a {@linkcode Appliance.boot} may be told. */
export interface ApplianceOptions extends GuestOptions {
  /** Where the configuration is. Default: at the URL that the world serves it at. */
  readonly source?: readonly string[];
}

/** A network with a registry, a configuration, and guests that boot the appliance's system in it. */
export class Appliance implements AsyncDisposable {
  readonly network: GuestNetwork;
  readonly registry: RegistryServer;
  /** What is served at {@linkcode configurationUrl}. */
  configuration: object = {};
  readonly #configurationServer: Deno.HttpServer<Deno.NetAddr>;

  private constructor(network: GuestNetwork) {
    this.network = network;
    const hostname = network.address;
    this.registry = network.inside(() => startRegistry({ hostname }));
    this.#configurationServer = network.inside(() =>
      Deno.serve({ hostname, port: 0, onListen() {} }, () => Response.json(this.configuration))
    );
  }

  static async create(): Promise<Appliance> {
    return new Appliance(await GuestNetwork.create());
  }

  /** One whose machines run a shell script in a container named `web`, with these settings of it. */
  static async running(script: string, settings: object = {}): Promise<Appliance> {
    const appliance = await Appliance.create();
    await pushScript(appliance.registry, "web", script);
    const manifest = appliance.image("web");
    appliance.configuration = { container: { id: "web", manifest, ...settings } };
    return appliance;
  }

  /** The manifest URL of an image in the registry. */
  image(repository: string): string {
    return `${this.registry.origin}/v2/${repository}/manifests/latest`;
  }

  get configurationUrl(): string {
    return `http://${this.network.address}:${this.#configurationServer.addr.port}/configuration.json`;
  }

  /** Boots a machine. QEMU gives it kernel and initramfs without a boot loader. */
  boot(
    { words = [], arguments: more = [], source = [`FL_URL=${this.configurationUrl}`], ...options }:
      ApplianceOptions = {},
  ): Guest {
    const line = [...CONSOLE, ...source, ...words].join(" ");
    return new Guest({
      network: this.network,
      ...options,
      arguments: [
        "-kernel",
        APPLIANCE.kernel,
        "-initrd",
        APPLIANCE.initrd,
        "-append",
        line,
        ...more,
      ],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#configurationServer.shutdown();
    await this.registry.close();
    await this.network[Symbol.asyncDispose]();
  }
}
