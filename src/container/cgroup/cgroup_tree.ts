import { getLogger } from "@logtape/logtape";
import type { LimitSettings } from "../../config/settings.ts";
import { errorChain } from "../../log/error_chain.ts";
import { type CgroupFiles, kernelCgroupFiles } from "./cgroup_files.ts";
import { CgroupDirectory } from "./instance_cgroup.ts";
import { type Controller, CONTROLLERS } from "./limit_files.ts";
import { findCgroupMount, ownCgroup } from "./own_cgroup.ts";

const logger = getLogger(["frontloader", "cgroup"]);

/** Frontloader's own cgroup, where it is not in the root: one that has children with controllers holds no processes. */
const LEAF = "supervisor";
/** How often, and how soon again, a cgroup is removed whose last processes are about to end. */
const REMOVAL_TRIES = 50;
const REMOVAL_DELAY_MS = 20;

/** What {@linkcode CgroupTree.open} goes by. */
export interface CgroupPlace {
  readonly files: CgroupFiles;
  /** Text of `/proc/self/mountinfo`. */
  readonly mountInfo: string;
  /** Text of `/proc/self/cgroup`. */
  readonly ownCgroup: string;
  /** Of this process. */
  readonly pid: number;
  /** Of the cgroup for everything that this Frontloader runs. */
  readonly name: string;
}

/** The cgroups of one Frontloader: a directory with one for each instance. */
export class CgroupTree {
  readonly #files: CgroupFiles;
  /** Undefined where there can be none. */
  readonly #directory: string | undefined;
  /** Why a controller is not to be had. */
  readonly #missing: ReadonlyMap<Controller, string>;
  readonly #instances = new Set<CgroupDirectory>();
  readonly #removals = new Set<Promise<void>>();
  #watch: Disposable | undefined;

  private constructor(
    files: CgroupFiles,
    directory: string | undefined,
    missing: ReadonlyMap<Controller, string>,
  ) {
    this.#files = files;
    this.#directory = directory;
    this.#missing = missing;
  }

  /** Opens the tree of this process on this machine. */
  static openOnMachine(runDirectory: string): Promise<CgroupTree> {
    return CgroupTree.open({
      files: kernelCgroupFiles,
      mountInfo: Deno.readTextFileSync("/proc/self/mountinfo"),
      ownCgroup: Deno.readTextFileSync("/proc/self/cgroup"),
      pid: Deno.pid,
      name: cgroupName(runDirectory),
    });
  }

  /**
   * Prepares the cgroups. To be called before this process has children, since it may have to move out of their way. What
   * cannot be had is an error only for an instance that needs it.
   */
  static async open(place: CgroupPlace): Promise<CgroupTree> {
    const { files } = place;
    const missing = new Map<Controller, string>();
    try {
      const directory = await prepare(place, missing);
      const tree = new CgroupTree(files, directory, missing);
      for (const leftover of tree.#leftovers()) tree.#removeSoon(leftover);
      tree.#startWatch(directory);
      return tree;
    } catch (error) {
      const reason = errorChain(error).join(": ");
      logger.debug("There are no cgroups: {reason}", { reason });
      return CgroupTree.none(reason, files);
    }
  }

  /** Without any cgroups, for this reason. */
  static none(reason: string, files: CgroupFiles = kernelCgroupFiles): CgroupTree {
    return new CgroupTree(files, undefined, new Map(CONTROLLERS.map((one) => [one, reason])));
  }

  /**
   * Makes the cgroup of an instance.
   *
   * @param name of the instance
   * @returns undefined where there are no cgroups, and none is needed
   * @throws {Error} if a limit cannot be set
   */
  async make(name: string, limits: LimitSettings): Promise<CgroupDirectory | undefined> {
    for (const controller of CONTROLLERS) {
      const reason = this.#missing.get(controller);
      if (reason === undefined || limits[controller] === undefined) continue;
      throw new Error(`Cannot set "limits.${controller}" on this machine: ${reason}`);
    }
    if (this.#directory === undefined) return undefined;
    const cgroup = new CgroupDirectory(this.#files, `${this.#directory}/${name}`, limits);
    // First, so that it is not taken for a leftover while it is being made.
    this.#instances.add(cgroup);
    try {
      await cgroup.make();
      return cgroup;
    } catch (error) {
      this.remove(cgroup);
      if (CONTROLLERS.some((controller) => limits[controller] !== undefined)) throw error;
      // Nothing that was asked for depends on it.
      logger.warn("Instance {name} runs without a cgroup of its own: {reason}", {
        name,
        reason: errorChain(error).join(": "),
      });
      return undefined;
    }
  }

  /** Removes the cgroup of an instance that has ended; in the background, while its last processes end. */
  remove(cgroup: CgroupDirectory): void {
    cgroup.close();
    this.#instances.delete(cgroup);
    this.#removeSoon(cgroup.path);
  }

  /** Gives everything back, apart from what has processes. */
  async close(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await Promise.all(this.#removals);
    this.#removeLeftovers();
    if (this.#directory !== undefined) this.#tryRemove(this.#directory);
  }

  #removeSoon(path: string): void {
    const removal = this.#removeAtLast(path);
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
  }

  async #removeAtLast(path: string): Promise<void> {
    for (let tries = 1; !this.#tryRemove(path); tries++) {
      // What still runs in it (with "hostPid" processes may outlive their instance, and instances a Frontloader that was
      // killed) is not killed: the directory goes when another one does, or at the end.
      if (tries === REMOVAL_TRIES) return;
      await new Promise((resolve) => setTimeout(resolve, REMOVAL_DELAY_MS));
    }
    this.#removeLeftovers();
  }

  #removeLeftovers(): void {
    for (const leftover of this.#leftovers()) this.#tryRemove(leftover);
  }

  /** Cgroups of instances that are gone, of this process or of one that was killed. */
  #leftovers(): string[] {
    const directory = this.#directory;
    if (directory === undefined) return [];
    const used = new Set(Array.from(this.#instances, ({ path }) => path));
    return this.#files.children(directory).map((name) => `${directory}/${name}`).filter((path) =>
      !used.has(path)
    );
  }

  /** @returns false if it has to be tried again */
  #tryRemove(path: string): boolean {
    try {
      this.#files.remove(path);
    } catch (error) {
      if (error instanceof Deno.errors.Busy) return false;
      if (!(error instanceof Deno.errors.NotFound)) {
        // It costs a little memory, no more.
        logger.warn("Cannot remove a cgroup: {reason}", { reason: errorChain(error).join(": ") });
      }
    }
    return true;
  }

  /** One watch does for all: what happens to an instance's memory happens to that of the directory above (memory.events). */
  #startWatch(directory: string): void {
    if (this.#missing.has("memory")) return;
    try {
      this.#watch = this.#files.watch(`${directory}/memory.events`, () => {
        for (const instance of this.#instances) instance.look();
      });
    } catch (error) {
      // Then it is told when an instance ends.
      logger.debug("Cannot watch for processes that are killed for want of memory: {reason}", {
        reason: errorChain(error).join(": "),
      });
    }
  }
}

/** The name of the cgroup of a Frontloader with this run directory: `run-frontloader` for `/run/frontloader`. */
export function cgroupName(runDirectory: string): string {
  return encodeURIComponent(runDirectory.slice(1)).replaceAll("-", "%2D").replaceAll("%2F", "-");
}

/**
 * Finds the cgroup below which this process may have others, and makes the directory for instances there.
 *
 * Controllers are for the children of a cgroup only if it says so itself (cgroup.subtree_control), and if it is not the
 * machine's root it must not have processes then.
 *
 * @param missing gets the controllers that there are not, and why
 * @returns the directory
 */
async function prepare(
  { files, mountInfo, ownCgroup: ownText, pid, name }: CgroupPlace,
  missing: Map<Controller, string>,
): Promise<string> {
  const mount = findCgroupMount(mountInfo);
  const own = ownCgroup(ownText);
  if (mount === undefined || own === undefined) throw new Error("cgroup v2 is not mounted");
  const place = own === "/" ? mount : mount + own;
  // It is there already: made by a Frontloader before this one, or by systemd (DelegateSubgroup=).
  const base = place.endsWith(`/${LEAF}`) ? place.slice(0, -LEAF.length - 1) : place;
  const controllers = files.read(`${base}/cgroup.controllers`).trim().split(" ");
  const wanted = CONTROLLERS.filter((controller) => {
    if (controllers.includes(controller)) return true;
    missing.set(controller, `"${base}/cgroup.controllers" has no "${controller}"`);
    return false;
  });
  if (wanted.length === 0) {
    throw new Error(`"${base}/cgroup.controllers" has none of ${CONTROLLERS.join(", ")}`);
  }
  // Only the machine's root has no type, whatever a namespace shows as its root.
  if (files.exists(`${base}/cgroup.type`)) await moveToLeaf(files, base, pid);
  const directory = `${base}/${name}`;
  files.make(directory);
  for (const controller of wanted) {
    try {
      await files.write(`${base}/cgroup.subtree_control`, `+${controller}`);
      await files.write(`${directory}/cgroup.subtree_control`, `+${controller}`);
    } catch (error) {
      missing.set(controller, errorChain(error).join(": "));
    }
  }
  return directory;
}

/** Moves this process out of the cgroup that is to have children. */
async function moveToLeaf(files: CgroupFiles, base: string, pid: number): Promise<void> {
  const others = files.read(`${base}/cgroup.procs`).split("\n").filter((line) =>
    line !== "" && line !== `${pid}`
  );
  if (others.length > 0) {
    throw new Error(
      `Frontloader shares the cgroup "${base}" with other processes, ${
        others.slice(0, 3).join(", ")
      }: it has to be a service of its own`,
    );
  }
  files.make(`${base}/${LEAF}`);
  await files.write(`${base}/${LEAF}/cgroup.procs`, `${pid}`);
}
