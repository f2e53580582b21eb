import { runMeasured, type Usage } from "../commands.ts";
import type { Puller } from "./contestant.ts";

/** Each layer's URL is an argument; a layer's directory is its number. */
const SCRIPT = `
directory=$1
shift
pids=()
for url; do
  mkdir "$directory/$#"
  curl -sf "$url" | igzip -d -c | tar -x --numeric-owner -p -C "$directory/$#" &
  pids+=($!)
  shift
done
for pid in "\${pids[@]}"; do wait "$pid"; done
`;

/**
 * The floor: all layers at the same time, each a pipe of the fastest tools that Debian has. It checks no digest, knows the
 * layers beforehand, and makes no root file system of them.
 */
export class Floor implements Puller {
  readonly name = "curl | igzip -d | tar -x";
  readonly how = {
    pull: "the floor: every layer in parallel into a directory of its own, unchecked",
  };
  readonly #registry: string;
  readonly #directory: string;
  readonly #layers: readonly string[];

  /**
   * @param directory for the unpacked trees; it is made for each pull
   * @param layers the digests of the image's layers
   */
  constructor(registry: string, directory: string, layers: readonly string[]) {
    this.#registry = registry;
    this.#directory = directory;
    this.#layers = layers;
  }

  async pull(repository: string): Promise<Usage> {
    await Deno.mkdir(this.#directory);
    const urls = this.#layers.map((digest) =>
      `http://${this.#registry}/v2/${repository}/blobs/${digest}`
    );
    return await runMeasured("bash", [
      "-e",
      "-o",
      "pipefail",
      "-c",
      SCRIPT,
      "-",
      this.#directory,
      ...urls,
    ]);
  }

  async discard(): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}
