import { commandText, runCommand } from "../command.ts";
import { TemporaryDirectory } from "../temporary_directory.ts";
import { copyKernelModules } from "./kernel_modules.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
const DIRECTORIES = ["bin", "dev", "etc", "guest", "proc", "root", "run", "sys", "tmp", "usr/bin"];
/** Without these there is no disk, no network, no shell for the test and no container. */
const MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "overlay"];
/** See `init.sh`. */
const SCRIPTS = ["init.sh", "boot.sh", "frontloader.sh"];
/** What the system brings for udhcpc, by its path from the root of a machine. */
const OVERLAY = `${ROOT}/buildroot-ext/board/frontloader/rootfs-overlay`;
const DHCP_SCRIPT = "/usr/share/udhcpc/default.script";

/** What a {@linkcode GuestRoot} has beyond what every one has. */
export interface GuestRootOptions {
  /** Contents by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Modules of Debian's kernel that are loaded at boot: `nfsv4`, say. */
  readonly modules?: readonly string[];
  /** Paths of programs of this machine. */
  readonly programs?: readonly string[];
  /** Paths of TypeScript files; `deno run -A /guest/NAME.js` runs them in the guest. */
  readonly bundles?: readonly string[];
}

/** The initramfs of a guest: Frontloader's bundle with what it needs, and busybox with all its applets. */
export class GuestRoot implements Disposable {
  readonly #directory = new TemporaryDirectory();

  private constructor() {}

  /** @throws {Error} if something of it is missing; `build.sh test` installs all */
  static async build(
    { files = {}, modules = [], programs = [], bundles = [] }: GuestRootOptions = {},
  ): Promise<GuestRoot> {
    const built = new GuestRoot();
    const root = `${built.#directory.path}/root`;
    for (const name of DIRECTORIES) await Deno.mkdir(`${root}/${name}`, { recursive: true });
    await runCommand([`${ROOT}/build.sh`, "guest-kernel"]);
    await runCommand([`${ROOT}/build.sh`, "bundle", `${root}/frontloader`]);
    for (const script of SCRIPTS) {
      await Deno.copyFile(new URL(script, import.meta.url), `${root}/guest/${script}`);
    }
    await Deno.symlink("guest/init.sh", `${root}/init`);
    await Deno.mkdir(`${root}/usr/share/udhcpc`, { recursive: true });
    await Deno.copyFile(OVERLAY + DHCP_SCRIPT, root + DHCP_SCRIPT);
    await Deno.symlink("../guest/frontloader.sh", `${root}/bin/frontloader`);
    // The kernel calls /sbin/modprobe.
    await Deno.symlink("bin", `${root}/sbin`);
    await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
    for (const applet of (await commandText(["/bin/busybox", "--list"])).trim().split("\n")) {
      if (applet !== "busybox") await Deno.symlink("busybox", `${root}/bin/${applet}`);
    }
    await Deno.copyFile("/usr/bin/tini-static", `${root}/usr/bin/tini-static`);
    await copyProgram(await Deno.realPath(Deno.execPath()), `${root}/bin/deno`, root);
    for (const program of programs) {
      await copyProgram(
        program,
        `${root}/bin/${program.slice(program.lastIndexOf("/") + 1)}`,
        root,
      );
    }
    if (bundles.length > 0) {
      const bundle = ["bundle", "--quiet", "--platform", "deno", "--outdir", `${root}/guest`];
      await runCommand([Deno.execPath(), ...bundle, ...bundles]);
    }
    const allModules = [...MODULES, ...modules];
    await copyKernelModules(allModules, root);
    await Deno.writeTextFile(`${root}/guest/modules`, `${allModules.join("\n")}\n`);
    for (const [path, contents] of Object.entries(files)) {
      await Deno.mkdir(root + path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(root + path, contents);
    }
    const archive = await runCommand(["cpio", "--create", "--format=newc", "--quiet"], {
      cwd: root,
      stdin: await commandText(["find", "."], { cwd: root }),
    });
    await Deno.writeFile(built.initramfs, archive);
    await Deno.remove(root, { recursive: true });
    return built;
  }

  /** Path of the archive. */
  get initramfs(): string {
    return `${this.#directory.path}/initramfs`;
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

/** Copies a program with its shared libraries and the loader. */
async function copyProgram(program: string, copy: string, root: string): Promise<void> {
  // In place of the applet of that name, not through the link.
  await Deno.remove(copy).catch(() => {});
  await Deno.copyFile(program, copy);
  for (const library of await librariesOf(program)) {
    await Deno.mkdir(root + library.slice(0, library.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(library, root + library);
  }
}

/** The shared libraries of a program, and the loader. */
async function librariesOf(program: string): Promise<string[]> {
  const text = await commandText(["ldd", program]);
  return text.split("\n").flatMap((line) => /(\/\S+)/.exec(line)?.[1] ?? []);
}
