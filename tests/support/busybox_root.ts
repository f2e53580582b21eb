/** Containers from a busybox tree, without registry and image: for tests of the launch itself. Needs root. */
import type { ExitStatus } from "../../ffi/process.ts";
import type { LaunchSpec } from "../../src/container/launch_spec.ts";
import { findInitProgram } from "../../src/container/init_program.ts";
import { Stage } from "../../src/container/launcher.ts";
import { seccompFilter } from "../../src/container/seccomp/filter.ts";
import { mountOverlay, unmountRootFs } from "../../src/image/root_fs.ts";

/** What a container put out and how it ended. */
export interface LaunchResult {
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly status: ExitStatus;
}

/** A busybox tree that containers can be launched from. */
export class BusyboxRoot implements Disposable {
  /** Directory of the machine that belongs to the test. */
  readonly directory: string;
  /** The tree that is the image. */
  readonly tree: string;

  constructor() {
    this.directory = Deno.makeTempDirSync({ prefix: "frontloader-test." });
    this.tree = `${this.directory}/layers/busybox`;
    for (const name of ["bin", "etc", "tmp"]) {
      Deno.mkdirSync(`${this.tree}/${name}`, { recursive: true });
    }
    Deno.copyFileSync("/bin/busybox", `${this.tree}/bin/busybox`);
    for (const applet of APPLETS) Deno.symlinkSync("busybox", `${this.tree}/bin/${applet}`);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }

  /** A launch of a shell script with defaults for everything else. */
  spec(script: string, changes: Partial<LaunchSpec> = {}): LaunchSpec {
    return {
      rootFs: "",
      init: findInitProgram(),
      readOnly: true,
      argv: ["/bin/sh", "-c", script],
      env: { PATH: "/bin" },
      cwd: "/",
      uid: 0,
      gid: 0,
      groups: [0],
      capabilities: [],
      seccomp: seccompFilter(changes.capabilities ?? []),
      finalSignal: "TERM",
      hostPid: false,
      cgroup: null,
      mounts: [],
      tmpfs: [],
      files: [],
      ...changes,
    };
  }

  /**
   * Launches a container and waits for its end.
   *
   * @param onStarted called once it runs, with its pid and its output so far
   * @throws {Error} if it cannot be launched
   */
  async launch(
    spec: LaunchSpec,
    onStarted: (pid: number, stdout: readonly string[]) => void | Promise<void> = () => {},
  ): Promise<LaunchResult> {
    const suffix = crypto.randomUUID().slice(0, 6);
    const rootFs = `/tmp/frontloader.rootfs.${suffix}`;
    const writable = `${this.directory}/${suffix}`;
    Deno.mkdirSync(writable);
    Deno.mkdirSync(rootFs);
    const output = { stdout: [] as string[], stderr: [] as string[] };
    const stage = new Stage({ hostPid: spec.hostPid });
    try {
      mountOverlay({
        layersDirectory: `${this.directory}/layers`,
        layers: ["busybox"],
        target: rootFs,
        writable,
        source: "frontloader-test",
      });
      const container = await stage.launch({ ...spec, rootFs }, (line, stream) => {
        output[stream].push(line);
      });
      await onStarted(container.pid, output.stdout);
      return { ...output, status: await container.ended };
    } finally {
      unmountRootFs(rootFs);
    }
  }
}

const APPLETS = [
  "cat",
  "echo",
  "env",
  "false",
  "grep",
  "head",
  "hostname",
  "id",
  "kill",
  "ls",
  "mknod",
  "mount",
  "ps",
  "pwd",
  "readlink",
  "sh",
  "sleep",
  "stat",
  "touch",
  "true",
  "wc",
];
