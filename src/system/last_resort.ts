import { reboot, RebootCommand, sync } from "../../ffi/reboot.ts";
import { errorChain } from "../log/error_chain.ts";
import { escapeControls } from "../log/escape_controls.ts";

/** So long what went wrong stays on the console, to be read. */
const READING_MS = 10_000;

/**
 * Runs the whole program as the init of a machine. An init that ends makes the kernel panic: should this one fail as a whole,
 * it says why and restarts the machine.
 *
 * @returns never: `main` does not come to its end
 */
export async function asInit(main: () => Promise<unknown>): Promise<never> {
  try {
    await main();
    console.error("frontloader: the init has come to its end");
  } catch (error) {
    for (const line of errorChain(error)) console.error(`frontloader: ${escapeControls(line)}`);
  }
  console.error(`frontloader: this machine restarts in ${READING_MS / 1000} s`);
  await new Promise((resolve) => setTimeout(resolve, READING_MS));
  sync();
  reboot(RebootCommand.RESTART);
  // Only if the kernel refuses; it may panic then, which restarts the machine too.
  throw new Error("Cannot restart the machine");
}
