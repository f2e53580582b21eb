import { setParentDeathSignal } from "../../../ffi/credentials.ts";
import { readToEnd, writeFully } from "../../../ffi/descriptors.ts";
import { openDeclaredSymbols } from "../../../ffi/libc.ts";
import { Signal } from "../../../ffi/process.ts";
import { errorChain } from "../../log/error_chain.ts";
import { OutOfMemoryScore, setOutOfMemoryScore } from "../../system/out_of_memory.ts";
import { StageDescriptor } from "../launch_spec.ts";

/**
 * What all processes have in common that turn themselves into something of a container: reads from descriptor 0 what that is.
 *
 * @param become does it, with what was read
 * @returns only on failure, after the reason was written to the status pipe: the exit status
 */
export function runFace<Spec>(become: (spec: Spec) => never): number {
  try {
    openDeclaredSymbols();
    // Until the container's init runs, nothing is lost when this ends at once.
    setParentDeathSignal(Signal.KILL);
    setOutOfMemoryScore(OutOfMemoryScore.CONTAINER);
    const text = new TextDecoder().decode(readToEnd(StageDescriptor.SPEC));
    // The supervisor closes the pipe unwritten when the launch was called off.
    if (text === "") return 0;
    become(JSON.parse(text));
  } catch (error) {
    try {
      const reason = new TextEncoder().encode(errorChain(error).join("\n"));
      writeFully(StageDescriptor.STATUS, reason);
    } catch {
      // Nobody is left to tell: the supervisor is gone, and with it the reason for this process.
    }
    return 1;
  }
}
