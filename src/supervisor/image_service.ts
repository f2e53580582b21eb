import type { ContainerSettings } from "../config/settings.ts";
import type { ChainId } from "../image/chain_id.ts";
import { LayerStore } from "../image/layer_store.ts";
import type { PulledImage } from "../image/pull_image.ts";
import { pullInChild } from "../image/pull_process.ts";
import type { Digest } from "../registry/digest.ts";
import { RegistryClient } from "../registry/registry_client.ts";
import { TokenCache } from "../registry/token_cache.ts";
import { Semaphore } from "./semaphore.ts";

/** As many pulls go on at a time: one hung registry must not keep the others waiting. */
const CONCURRENT_PULLS = 3;

/** Images for all containers: asks registries, pulls, and removes layers that nobody needs any more. */
export class ImageService {
  readonly #store: LayerStore;
  readonly #pulls = new Semaphore(CONCURRENT_PULLS);
  /** Of the checks; a pull child asks for its own. */
  readonly #tokens = new TokenCache();
  #pulling = 0;

  /** @param store the layers */
  constructor(store: LayerStore) {
    this.#store = store;
  }

  /** Pulls a container's image into the store. */
  pull(settings: ContainerSettings, signal: AbortSignal): Promise<PulledImage> {
    return this.#pulls.run(async () => {
      this.#pulling++;
      try {
        const { image, credentials } = settings;
        return await pullInChild({ reference: image, credentials, store: this.#store.directory }, {
          signal,
        });
      } finally {
        this.#pulling--;
      }
    }, signal);
  }

  /** Asks the registry which digest a container's tag names now. */
  resolveDigest({ image, credentials }: ContainerSettings, signal: AbortSignal): Promise<Digest> {
    return new RegistryClient({ credentials, tokens: this.#tokens }).resolveDigest(image, {
      signal,
    });
  }

  /**
   * Removes the layers that are not in `needed`. While an image is being pulled nothing is removed: the pull may count on
   * any layer that it has seen.
   */
  sweep(needed: ReadonlySet<ChainId>): void {
    if (this.#pulling === 0) this.#store.sweep(needed);
  }
}
