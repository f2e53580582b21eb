import type { EcrTokens } from "../aws/ecr_tokens.ts";
import type { ContainerSettings, Credentials, EcrAccess } from "../config/settings.ts";
import type { ChainId } from "../image/chain_id.ts";
import { LayerStore } from "../image/layer_store.ts";
import type { PulledImage } from "../image/pull_image.ts";
import { pullInChild } from "../image/pull_process.ts";
import type { Digest } from "../registry/digest.ts";
import { RegistryError } from "../registry/registry_error.ts";
import { RegistryClient } from "../registry/registry_client.ts";
import { TokenCache } from "../registry/token_cache.ts";
import { Semaphore } from "./semaphore.ts";

/** An image, and how its registry is asked. */
export type ImageAccess = Pick<ContainerSettings, "image" | "credentials">;

/** As many pulls go on at a time: one hung registry must not keep the others waiting. */
const CONCURRENT_PULLS = 3;

/** Images for all containers: asks registries, pulls, and removes layers that nobody needs any more. */
export class ImageService {
  readonly #store: LayerStore;
  readonly #ecr: EcrTokens;
  readonly #pulls = new Semaphore(CONCURRENT_PULLS);
  /** Of the checks; a pull child asks for its own. */
  readonly #tokens = new TokenCache();
  #pulling = 0;

  /**
   * @param store the layers
   * @param ecr gets credentials for registries of Amazon ECR
   */
  constructor(store: LayerStore, ecr: EcrTokens) {
    this.#store = store;
    this.#ecr = ecr;
  }

  /** Pulls a container's image into the store. */
  pull(settings: ContainerSettings, signal: AbortSignal): Promise<PulledImage> {
    return this.#pulls.run(async () => {
      this.#pulling++;
      try {
        return await this.#pullOnce(settings, this.#store.directory, signal);
      } finally {
        this.#pulling--;
      }
    }, signal);
  }

  /** Pulls an image into another store. */
  pullInto(store: string, access: ImageAccess, signal: AbortSignal): Promise<PulledImage> {
    return this.#pullOnce(access, store, signal);
  }

  /** Looks at an image without pulling it. */
  inspect(access: ImageAccess, signal: AbortSignal): Promise<PulledImage> {
    return this.#pullOnce(access, undefined, signal);
  }

  async #pullOnce(
    settings: ImageAccess,
    store: string | undefined,
    signal: AbortSignal,
  ): Promise<PulledImage> {
    const credentials = await this.#credentialsOf(settings);
    try {
      return await pullInChild({ reference: settings.image, credentials, store }, { signal });
    } catch (error) {
      // Whatever it was: the next try begins with new ones.
      if (isEcr(settings.credentials)) this.#ecr.forget(settings.credentials);
      throw error;
    }
  }

  /** Asks the registry which digest a tag names now. */
  async resolveDigest(settings: ImageAccess, signal: AbortSignal): Promise<Digest> {
    try {
      return await this.#resolveOnce(settings, signal);
    } catch (error) {
      const { credentials } = settings;
      const isRefused = error instanceof RegistryError &&
        (error.status === 401 || error.status === 403);
      if (!isRefused || !isEcr(credentials)) throw error;
      this.#ecr.forget(credentials);
      return await this.#resolveOnce(settings, signal);
    }
  }

  async #resolveOnce(settings: ImageAccess, signal: AbortSignal): Promise<Digest> {
    const credentials = await this.#credentialsOf(settings);
    return await new RegistryClient({ credentials, tokens: this.#tokens })
      .resolveDigest(settings.image, { signal });
  }

  async #credentialsOf(
    { credentials, image }: ImageAccess,
  ): Promise<Credentials | undefined> {
    return isEcr(credentials) ? await this.#ecr.of(credentials, image.origin) : credentials;
  }

  /**
   * Removes the layers that are not in `needed`. While an image is being pulled nothing is removed: the pull may count on
   * any layer that it has seen.
   */
  sweep(needed: ReadonlySet<ChainId>): void {
    if (this.#pulling === 0) this.#store.sweep(needed);
  }
}

function isEcr(credentials: ContainerSettings["credentials"]): credentials is EcrAccess {
  return credentials !== undefined && "type" in credentials;
}
