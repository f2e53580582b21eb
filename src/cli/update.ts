import { ControlClient } from "../control/client.ts";
import { controlSocketOf, runDirectoryPath } from "../system/run_directory.ts";
import { UsageError } from "./usage_error.ts";

/**
 * `frontloader update [ID]`: has the running Frontloader check the registry now.
 *
 * @returns the exit status
 */
export async function update(args: readonly string[]): Promise<number> {
  if (args.length > 1) {
    throw new UsageError("update takes at most one container id: frontloader update [ID]");
  }
  using client = new ControlClient(controlSocketOf(runDirectoryPath()));
  for (const [id, result] of Object.entries(await client.update(args[0]))) {
    console.log(`${id}: ${result}`);
  }
  return 0;
}
