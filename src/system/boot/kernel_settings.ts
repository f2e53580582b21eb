import { reboot, RebootCommand } from "../../../ffi/reboot.ts";
import { errorChain } from "../../log/error_chain.ts";

/** Kernel settings of a machine that nobody looks after: files below `/proc`, and what is written to them. */
const SETTINGS: readonly (readonly [path: string, value: string])[] = [
  // A machine whose kernel has given up starts anew after 10 s. The command line may have said so before.
  ["/proc/sys/kernel/panic", "10"],
  // What has broken part of the kernel has broken the machine.
  ["/proc/sys/kernel/panic_on_oops", "1"],
];

/**
 * Makes the kernel bring back a machine that has died, and tell this process when somebody presses ctrl-alt-del.
 *
 * @throws {Error} naming what did not work, after all has been tried
 */
export function applyKernelSettings(): void {
  const problems: string[] = [];
  const attempt = (action: () => void) => {
    try {
      action();
    } catch (error) {
      problems.push(errorChain(error).join(": "));
    }
  };
  for (const [path, value] of SETTINGS) attempt(() => Deno.writeTextFileSync(path, value));
  attempt(() => reboot(RebootCommand.CTRL_ALT_DEL_AS_SIGNAL));
  if (problems.length > 0) throw new Error(problems.join("; "));
}
