import { setParentDeathSignal } from "../../ffi/credentials.ts";
import { Signal } from "../../ffi/process.ts";
import { LayerStore } from "../image/layer_store.ts";
import { inspectImage, pullImage } from "../image/pull_image.ts";
import type { PullRequest } from "../image/pull_protocol.ts";
import { errorChain } from "../log/error_chain.ts";
import { RegistryClient } from "../registry/registry_client.ts";
import { OutOfMemoryScore, setOutOfMemoryScore } from "../system/out_of_memory.ts";
import { sendToParent } from "../system/self_child.ts";

/**
 * The pull child: pulls one image into the layer store, or looks at one, as told on standard input, and says what came of it
 * on standard output (`pull_protocol.ts`).
 *
 * @returns the exit status
 */
export async function pullChild(): Promise<number> {
  const request: PullRequest = await new Response(Deno.stdin.readable).json();
  setParentDeathSignal(Signal.KILL);
  // The parent may have ended before the line above; the process has been given to another one then.
  if (Deno.ppid !== request.parent) return 1;
  setOutOfMemoryScore(OutOfMemoryScore.PULL);
  try {
    const { store, reference, credentials } = request;
    const registry = new RegistryClient({ credentials });
    const pulled = store === undefined
      ? await inspectImage({ registry, reference })
      : await pullImage({
        registry,
        reference,
        store: LayerStore.open(store),
        onProgress: request.progress ? (progress) => sendToParent({ progress }) : undefined,
      });
    sendToParent({ pulled });
    return 0;
  } catch (error) {
    sendToParent({ failed: errorChain(error) });
    return 1;
  }
}
