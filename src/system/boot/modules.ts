import { runProgram } from "../programs.ts";
import { pathExists } from "../path_exists.ts";

/** So many names in one call of modprobe; each is 100 bytes long at most, and arguments may take 128 KiB. */
const NAMES_PER_CALL = 500;
const TIMEOUT_MS = 60_000;

/** A driver may find more devices, those behind a virtio bus say, and so on; but there is an end to it. */
const MAX_ROUNDS = 5;

/**
 * Loads the drivers of what is in this machine, as `udev` would: each device says in `modalias` what it is, and the modules'
 * index who drives it. File systems need nothing of the kind, as the kernel loads their modules when they are mounted.
 *
 * @param extra further modules, by their names
 * @returns how many kinds of devices there are
 */
export async function loadModules(extra: readonly string[]): Promise<number> {
  // A kernel without modules has all that it needs.
  if (!pathExists("/proc/modules")) return 0;
  await probe(extra);
  const known = new Set<string>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const found = new Set(modAliases("/sys/devices")).difference(known);
    if (found.size === 0) break;
    for (const alias of found) known.add(alias);
    await probe([...found]);
  }
  return known.size;
}

async function probe(names: readonly string[]): Promise<void> {
  for (let i = 0; i < names.length; i += NAMES_PER_CALL) {
    await runProgram(["modprobe", "-a", "-b", "-q", ...names.slice(i, i + NAMES_PER_CALL)], {
      timeoutMs: TIMEOUT_MS,
      // Most devices need no module.
      mayFail: true,
    });
  }
}

/** What the devices of this machine are. Links are not followed: they lead to other devices, or back. */
function* modAliases(directory: string): Generator<string> {
  for (const { name, isDirectory, isFile } of entries(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) yield* modAliases(path);
    else if (isFile && name === "modalias") {
      const alias = readLine(path);
      if (alias !== "") yield alias;
    }
  }
}

/** Devices can go away while they are looked at. */
function entries(directory: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(directory)];
  } catch {
    return [];
  }
}

function readLine(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return "";
  }
}
