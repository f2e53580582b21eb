import { commandText, runCommand } from "./command.ts";
import { eventually } from "./frontloader.ts";
import { freePort } from "./free_port.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";

/** A message as syslog-ng has understood it. */
export interface ReceivedMessage {
  readonly FACILITY: string;
  readonly PRIORITY: string;
  readonly PROGRAM: string;
  readonly PID?: string;
  readonly MSGID?: string;
  readonly HOST: string;
  readonly MESSAGE: string;
  /** When it is from, as seconds since the epoch with milliseconds. */
  readonly STAMP: string;
  readonly _SDATA?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Ports on loopback by transport. */
export type ReceiverPorts = Readonly<Record<"udp" | "tcp" | "tls", number>>;

/** Debian's syslog-ng as a process of its own, which receives on loopback by every transport. Its certificate is of a CA of its own. */
export class SyslogReceiver implements AsyncDisposable {
  readonly ports: ReceiverPorts;
  readonly #directory = new TemporaryDirectory();
  #child: Deno.ChildProcess | undefined;

  private constructor() {
    const tcp = freePort();
    let tls: number;
    while ((tls = freePort()) === tcp);
    this.ports = { udp: freePort(), tcp, tls };
  }

  /** @param options `name`: whom the certificate is for, `DNS:…` or `IP:…` */
  static async start({ name = "IP:127.0.0.1" } = {}): Promise<SyslogReceiver> {
    const receiver = new SyslogReceiver();
    await receiver.#makeCertificate(name);
    Deno.writeTextFileSync(`${receiver.#path}/configuration`, receiver.#configuration());
    await receiver.resume();
    return receiver;
  }

  /** The certificate of its CA, for `DENO_CERT`. */
  get caFile(): string {
    return `${this.#path}/ca.pem`;
  }

  get pid(): number {
    return this.#child!.pid;
  }

  /** What it has received so far. */
  get messages(): ReceivedMessage[] {
    try {
      const lines = Deno.readTextFileSync(`${this.#path}/received`).split("\n");
      return lines.slice(0, -1).map((line) => JSON.parse(line));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Waits for a message. */
  waitFor(
    what: string,
    matches: (message: ReceivedMessage) => boolean,
  ): Promise<ReceivedMessage> {
    return eventually(what, () => this.messages.find(matches));
  }

  /** Ends it with KILL; what it has received stays. */
  async kill(): Promise<void> {
    this.#child!.kill("SIGKILL");
    await this.#child!.status;
    this.#child = undefined;
  }

  /** Starts it again at the same ports. */
  async resume(): Promise<void> {
    const path = this.#path;
    this.#child = new Deno.Command("syslog-ng", {
      args: [
        ...["--foreground", "--no-caps", "--cfgfile", `${path}/configuration`],
        ...["--persist-file", `${path}/persist`, "--control", `${path}/control`],
        ...["--pidfile", `${path}/pid`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    await eventually("syslog-ng listens", async () => {
      for (const port of [this.ports.tcp, this.ports.tls]) {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      }
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child !== undefined) await this.kill();
    this.#directory[Symbol.dispose]();
  }

  get #path(): string {
    return this.#directory.path;
  }

  #configuration(): string {
    const { udp, tcp, tls } = this.ports;
    const path = this.#path;
    const source = (transport: string, port: number, more = "") =>
      `syslog(ip("127.0.0.1") port(${port}) transport("${transport}") max-connections(50) ${more});`;
    return `@version: 3.38
      options { stats-freq(0); keep-hostname(yes); use-dns(no); dns-cache(no); threaded(no); };
      source received {
        ${source("udp", udp)}
        ${source("tcp", tcp)}
        ${
      source(
        "tls",
        tls,
        `tls(key-file("${path}/key.pem") cert-file("${path}/cert.pem") peer-verify(optional-untrusted))`,
      )
    }
      };
      destination file {
        file("${path}/received" template("$(format-json --scope rfc5424 --key .SDATA.* STAMP=\${S_UNIXTIME}.\${S_MSEC})\\n"));
      };
      log { source(received); destination(file); };`;
  }

  async #makeCertificate(name: string): Promise<void> {
    const openssl = (...args: string[]) => runCommand(["openssl", ...args], { cwd: this.#path });
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    await openssl(
      ...["req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2"],
      ...["-subj", "/CN=Test CA", "-addext", "basicConstraints=critical,CA:TRUE"],
    );
    const request = await commandText(
      ["openssl", "req", ...newKey, "-keyout", "key.pem", "-subj", "/CN=syslog"],
      { cwd: this.#path },
    );
    Deno.writeTextFileSync(`${this.#path}/extensions`, `subjectAltName=${name}\n`);
    Deno.writeTextFileSync(`${this.#path}/request.pem`, request);
    await openssl(
      ...["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-extfile", "extensions", "-days", "2", "-out", "cert.pem"],
    );
  }
}
