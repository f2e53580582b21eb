/**
 * Namespaces around the bench. Peers leave daemons, shims, mounts, sockets in `/run` and caches in `/var/lib` behind, the more so
 * when they are interrupted: in a pid and a mount namespace of its own all of it is gone when the bench ends, however it ends.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./commands.ts";

/** Name of the control groups of all containers of all peers. */
export const CONTROL_GROUP = "frontloader-bench";

/**
 * Runs a module in the sandbox, as root.
 *
 * @param module its URL
 * @param args its arguments
 * @returns its exit status; 130 if it was interrupted
 */
export async function runInSandbox(module: URL, args: readonly string[]): Promise<number> {
  const child = new Deno.Command("unshare", {
    args: [
      "--mount",
      "--propagation=private",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
      Deno.execPath(),
      "run",
      "--quiet",
      "--allow-all",
      fileURLToPath(module),
      ...args,
    ],
    // skopeo and podman would put blobs into /var/tmp.
    env: { TMPDIR: "/tmp" },
  }).spawn();
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      interrupted = true;
      // With unshare its child ends, which is process 1 of the namespace, and with that all others.
      child.kill("SIGKILL");
    });
  }
  const { code } = await child.status;
  await removeControlGroups();
  return interrupted ? 130 : code;
}

/**
 * Lays an empty tmpfs over a directory, inside the sandbox.
 *
 * @param options `keep`: what stays visible of it
 */
export async function cover(
  directory: string,
  { keep = [] }: { readonly keep?: readonly string[] } = {},
): Promise<void> {
  const above = "/mnt";
  await run("mount", ["--no-mtab", "-t", "tmpfs", "-o", "mode=0755", "frontloader-bench", above]);
  for (const path of keep.filter((path) => path.startsWith(`${directory}/`))) {
    const place = above + path.slice(directory.length);
    await Deno.mkdir(place, { recursive: true });
    await run("mount", ["--no-mtab", "--rbind", path, place]);
  }
  await run("mount", ["--no-mtab", "--move", above, directory]);
}

/** What a directory that is covered must not hide: this tree, and the runtime with its cache. */
export function ownPlaces(): string[] {
  const denoCache = Deno.env.get("DENO_DIR");
  return [
    fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, ""),
    dirname(Deno.execPath()),
    ...denoCache === undefined ? [] : [denoCache],
  ];
}

/** Control groups know no namespace that would take them along. The kernel empties them a moment after the last process. */
async function removeControlGroups(): Promise<void> {
  const top = "/sys/fs/cgroup";
  const hierarchies = [top, ...subdirectories(top)];
  for (const path of hierarchies.map((hierarchy) => `${hierarchy}/${CONTROL_GROUP}`)) {
    for (let tries = 0; tries < 50 && !removeTree(path); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function removeTree(path: string): boolean {
  try {
    for (const below of subdirectories(path)) removeTree(below);
    Deno.removeSync(path);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

function subdirectories(path: string): string[] {
  return Array.from(Deno.readDirSync(path))
    .filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => `${path}/${name}`);
}
