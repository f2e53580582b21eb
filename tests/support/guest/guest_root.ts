import { commandText, runCommand } from "../command.ts";
import { TemporaryDirectory } from "../temporary_directory.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
const DIRECTORIES = ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin"];
/** What `init.sh` calls. */
const APPLETS = ["mount", "sh"];

/** The initramfs of a guest: Frontloader's bundle with what it needs, and busybox. */
export class GuestRoot implements Disposable {
  readonly #directory = new TemporaryDirectory();

  private constructor() {}

  /**
   * @param files further files: contents by path
   * @throws {Error} if something of it is missing; `build.sh test` installs all
   */
  static async build(files: Readonly<Record<string, string>>): Promise<GuestRoot> {
    const built = new GuestRoot();
    const root = `${built.#directory.path}/root`;
    for (const name of DIRECTORIES) await Deno.mkdir(`${root}/${name}`, { recursive: true });
    await runCommand([`${ROOT}/build.sh`, "bundle"]);
    await runCommand(["cp", "-r", `${ROOT}/dist`, `${root}/frontloader`]);
    await Deno.copyFile(new URL("init.sh", import.meta.url), `${root}/init`);
    await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
    for (const applet of APPLETS) await Deno.symlink("busybox", `${root}/bin/${applet}`);
    await Deno.copyFile("/usr/bin/tini-static", `${root}/usr/bin/tini-static`);
    const deno = await Deno.realPath(Deno.execPath());
    await Deno.copyFile(deno, `${root}/bin/deno`);
    for (const library of await librariesOf(deno)) {
      const directory = library.slice(0, library.lastIndexOf("/"));
      await Deno.mkdir(root + directory, { recursive: true });
      await Deno.copyFile(library, root + library);
    }
    for (const [path, contents] of Object.entries(files)) {
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

/** The shared libraries of a program, and the loader. */
async function librariesOf(program: string): Promise<string[]> {
  const text = await commandText(["ldd", program]);
  return text.split("\n").flatMap((line) => /(\/\S+)/.exec(line)?.[1] ?? []);
}
