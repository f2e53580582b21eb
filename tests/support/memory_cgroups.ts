import { Errno, SyscallError } from "../../ffi/errno.ts";
import type { CgroupFiles } from "../../src/container/cgroup/cgroup_files.ts";

interface Cgroup {
  readonly files: Map<string, string>;
  readonly processes: Set<string>;
}

/** Which files a controller brings. */
const CONTROLLER_FILES: Readonly<Record<string, readonly string[]>> = {
  memory: ["memory.max", "memory.swap.max", "memory.events"],
  cpu: ["cpu.max"],
  pids: ["pids.max"],
};

/** A cgroup file system in memory, with the kernel's rules: which files there are, and what processes are in the way of. */
export class MemoryCgroups implements CgroupFiles {
  /** What was written, apart from controllers and processes: `path=value`. */
  readonly writes: string[] = [];
  /** Called before each write; what it throws the write fails with. */
  beforeWrite: (path: string, value: string) => void = () => {};
  readonly #cgroups = new Map<string, Cgroup>();
  readonly #watches = new Map<string, () => void>();

  /**
   * @param root path of its root
   * @param controllers that the kernel has
   * @param isMachine false if its root is only that of a namespace
   */
  constructor(root: string, { controllers, isMachine = true }: {
    readonly controllers: readonly string[];
    readonly isMachine?: boolean;
  }) {
    const files = new Map([["cgroup.controllers", `${controllers.join(" ")}\n`]]);
    files.set("cgroup.subtree_control", "");
    if (!isMachine) files.set("cgroup.type", "domain\n");
    this.#cgroups.set(root, { files, processes: new Set() });
  }

  /** Paths of all cgroups but the root. */
  get paths(): string[] {
    return [...this.#cgroups.keys()].slice(1).sort();
  }

  read(path: string): string {
    const [cgroup, name] = this.#file(path);
    if (name === "cgroup.procs") return [...cgroup.processes].map((pid) => `${pid}\n`).join("");
    const contents = cgroup.files.get(name);
    if (contents === undefined) throw new Deno.errors.NotFound(path);
    return contents;
  }

  async write(path: string, value: string): Promise<void> {
    // As with the kernel's, others may come in between.
    await Promise.resolve();
    this.beforeWrite(path, value);
    const [cgroup, name] = this.#file(path);
    if (name === "cgroup.procs") {
      if (cgroup.files.get("cgroup.subtree_control") && cgroup.files.has("cgroup.type")) {
        throw new Deno.errors.Busy(path);
      }
      for (const { processes } of this.#cgroups.values()) processes.delete(value);
      cgroup.processes.add(value);
      return;
    }
    if (!cgroup.files.has(name)) throw new Deno.errors.NotFound(path);
    if (name === "cgroup.subtree_control") {
      if (cgroup.processes.size > 0 && cgroup.files.has("cgroup.type")) {
        throw new Deno.errors.Busy(path);
      }
      const controller = value.slice(1);
      if (!cgroup.files.get("cgroup.controllers")!.trim().split(" ").includes(controller)) {
        throw new Deno.errors.NotFound(path);
      }
      cgroup.files.set(name, `${cgroup.files.get(name)} ${controller}`.trim());
      for (const child of this.children(path.slice(0, -name.length - 1))) {
        this.#enable(`${path.slice(0, -name.length)}${child}`, controller);
      }
      return;
    }
    this.writes.push(`${path}=${value}`);
    cgroup.files.set(name, value);
  }

  exists(path: string): boolean {
    try {
      this.read(path);
      return true;
    } catch {
      return false;
    }
  }

  children(path: string): readonly string[] {
    return [...this.#cgroups.keys()].filter((other) =>
      other.startsWith(`${path}/`) && !other.slice(path.length + 1).includes("/")
    ).map((other) => other.slice(path.length + 1));
  }

  make(path: string): void {
    if (this.#cgroups.has(path)) return;
    const parent = this.#cgroups.get(path.slice(0, path.lastIndexOf("/")));
    if (parent === undefined) throw new Deno.errors.NotFound(path);
    const files = new Map([["cgroup.controllers", ""], ["cgroup.subtree_control", ""]]);
    files.set("cgroup.type", "domain\n");
    this.#cgroups.set(path, { files, processes: new Set() });
    const enabled = parent.files.get("cgroup.subtree_control")!;
    for (const controller of enabled.split(" ")) this.#enable(path, controller);
  }

  remove(path: string): void {
    const cgroup = this.#cgroups.get(path);
    if (cgroup === undefined) throw new Deno.errors.NotFound(path);
    if (cgroup.processes.size > 0 || this.children(path).length > 0) {
      throw new Deno.errors.Busy(path);
    }
    this.#cgroups.delete(path);
  }

  watch(path: string, onChange: () => void): Disposable {
    this.read(path);
    this.#watches.set(path, onChange);
    return { [Symbol.dispose]: () => void this.#watches.delete(path) };
  }

  /** The kernel changes a file, and notifies whoever watches `watched`. */
  change(path: string, contents: string, watched: string): void {
    const [cgroup, name] = this.#file(path);
    cgroup.files.set(name, contents);
    this.#watches.get(watched)?.();
  }

  /** A process starts in a cgroup. */
  addProcess(path: string, pid: number): void {
    this.#cgroups.get(path)!.processes.add(`${pid}`);
  }

  /** A process ends. */
  endProcess(pid: number): void {
    for (const { processes } of this.#cgroups.values()) processes.delete(`${pid}`);
  }

  #enable(path: string, controller: string): void {
    const { files } = this.#cgroups.get(path)!;
    if (controller === "") return;
    files.set("cgroup.controllers", `${files.get("cgroup.controllers")} ${controller}`.trim());
    for (const name of CONTROLLER_FILES[controller] ?? []) files.set(name, "");
  }

  #file(path: string): [cgroup: Cgroup, name: string] {
    const slash = path.lastIndexOf("/");
    const cgroup = this.#cgroups.get(path.slice(0, slash));
    if (cgroup === undefined) throw new Deno.errors.NotFound(path);
    return [cgroup, path.slice(slash + 1)];
  }
}

/** The error of the kernel for a value that it refuses. */
export function refusal(path: string): Error {
  return new SyscallError({ syscall: "write", action: `write to "${path}"`, errno: Errno.EINVAL });
}
