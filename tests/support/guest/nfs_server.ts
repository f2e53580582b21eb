import { eventually } from "../frontloader.ts";
import { PATIENCE_MS } from "./guest_shell.ts";
import { TemporaryDirectory } from "../temporary_directory.ts";
import type { GuestNetwork } from "./guest_network.ts";

/** What a {@linkcode NfsServer} is. */
export interface NfsServerOptions {
  readonly network: GuestNetwork;
  /** Default 2049. */
  readonly port?: number;
  /** The minor versions of NFS 4 that it speaks; default all. */
  readonly minorVersions?: readonly number[];
}

/**
 * An NFS server, in user space (Debian's package nfs-ganesha), which speaks version 4 only and exports `/data`. There is also
 * `/secret`, for which Kerberos is needed. What it has to remember across a restart it does.
 */
export class NfsServer implements AsyncDisposable {
  readonly #directory = new TemporaryDirectory();
  readonly #options: NfsServerOptions;
  #child: Deno.ChildProcess | undefined;

  /** It does not run yet. */
  constructor(options: NfsServerOptions) {
    this.#options = options;
    for (const name of ["data", "secret"]) Deno.mkdirSync(`${this.#directory.path}/${name}`);
    Deno.writeTextFileSync(this.#path("ganesha.conf"), this.#configuration());
  }

  /** The directory of this machine that it exports as `/data`. */
  get data(): string {
    return this.#path("data");
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const [program = "", ...args] = this.#options.network.command([
      ...["/usr/bin/ganesha.nfsd", "-F", "-f", this.#path("ganesha.conf")],
      ...["-L", this.#path("log"), "-p", this.#path("pid"), "-N", "EVENT"],
    ]);
    await Deno.writeTextFile(this.#path("log"), "");
    this.#child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    await eventually("nfs-ganesha listens", async () => {
      const log = await Deno.readTextFile(this.#path("log"));
      return log.includes("NFS SERVER INITIALIZED") || undefined;
    }, PATIENCE_MS);
  }

  /** It keeps its connections, and even takes new ones, but does not answer any more. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** It is gone from one moment to the next. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
    this.#child = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#directory[Symbol.dispose]();
  }

  #path(name: string): string {
    return `${this.#directory.path}/${name}`;
  }

  #configuration(): string {
    const { port = 2049, minorVersions = [0, 1, 2] } = this.#options;
    const exports = [["data", "sys"], ["secret", "krb5"]].map(([name, security], index) => `
      EXPORT {
        Export_Id = ${index + 1}; Path = "${
      this.#path(name!)
    }"; Pseudo = "/${name}"; Access_Type = RW;
        Squash = No_Root_Squash; SecType = ${security}; Protocols = 4; Transports = TCP; FSAL { Name = VFS; }
      }`);
    return `
      NFS_CORE_PARAM {
        Protocols = 4; NFS_Port = ${port}; Enable_UDP = false; Enable_NLM = false; Enable_RQUOTA = false;
        Plugins_Dir = "/usr/lib/${MULTIARCH}/ganesha"; fsid_device = true;
      }
      NFSv4 {
        # Who comes back after a restart has so many seconds to claim what it had; the default is 90.
        Grace_Period = 15;
        # Longer than any outage of a test. Linux asks for more time every 5 s at most: what is not much longer than that runs out
        # again and again, and with it whatever is open.
        Lease_Lifetime = 60;
        RecoveryBackend = fs; RecoveryRoot = "${this.#path("recovery")}";
        Minor_Versions = ${
      minorVersions.join(",")
    }; Only_Numeric_Owners = true; Delegations = false;
      }
      ${exports.join("\n")}
    `;
  }
}

/** Where Debian has libraries of this architecture. */
const MULTIARCH = `${Deno.build.arch}-linux-gnu`;
