import { leaveTerminal } from "../../ffi/process.ts";
import { errorChain } from "../log/error_chain.ts";
import { sendToParent } from "../system/self_child.ts";
import { carryOut } from "../volumes/carry_out.ts";
import { NoDeviceError } from "../volumes/no_device_error.ts";
import type { VolumeTask } from "../volumes/task.ts";

/**
 * The volume child: does one thing with a file system, as told on standard input, and says what came of it on standard output
 * (`src/volumes/task.ts`). It goes on if its parent ends, or somebody types Ctrl-C: half a file system would be worse than one that nobody waits for.
 *
 * @returns the exit status
 */
export async function volumeChild(): Promise<number> {
  leaveTerminal();
  const task: VolumeTask = await new Response(Deno.stdin.readable).json();
  try {
    sendToParent({ done: await carryOut(task, (note) => sendToParent({ note })) });
    return 0;
  } catch (error) {
    sendToParent({ failed: errorChain(error), noDevice: error instanceof NoDeviceError });
    return 1;
  }
}
