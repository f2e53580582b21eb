import { addUsage, runMeasured, type Usage } from "../commands.ts";
import type { Puller } from "./contestant.ts";

/** skopeo and umoci: tools that pull and unpack, and run nothing. */
export class SkopeoUmoci implements Puller {
  readonly name = "skopeo + umoci";
  readonly how = { pull: "`skopeo copy` to an OCI layout, `umoci unpack`" };
  readonly #registry: string;
  readonly #directory: string;

  /** @param directory for the layout and the unpacked tree; it is made for each pull */
  constructor(registry: string, directory: string) {
    this.#registry = registry;
    this.#directory = directory;
  }

  async pull(repository: string): Promise<Usage> {
    await Deno.mkdir(this.#directory);
    const layout = `${this.#directory}/layout`;
    return addUsage(
      await runMeasured("skopeo", [
        "--insecure-policy",
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        `docker://${this.#registry}/${repository}:latest`,
        `oci:${layout}:latest`,
      ]),
      await runMeasured("umoci", [
        "unpack",
        `--image=${layout}:latest`,
        `${this.#directory}/bundle`,
      ]),
    );
  }

  rootFs(): Promise<string> {
    return Promise.resolve(`${this.#directory}/bundle/rootfs`);
  }

  async discard(): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}
