import { close, openForReading } from "../../../ffi/descriptors.ts";
import { setns, unshare } from "../../../ffi/namespaces.ts";
import { runCommand } from "../command.ts";
import { TemporaryDirectory } from "../temporary_directory.ts";
import { eventually } from "../frontloader.ts";

/** linux/sched.h */
const CLONE_NEWNET = 0x40000000;
/** Not /proc/self: tests do not run on the first thread of the process. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";
/** The link that guests are attached to; see attach.sh. */
const BRIDGE = "guests";
/** What the network has at its one end: where servers listen. */
const ADDRESSES = [
  "10.77.0.1/24",
  "10.77.0.2/24",
  "fd77::1/64",
  "fd77::2/64",
  "169.254.169.254/32",
];

/**
 * A network that guests and the servers of a test are in, and nothing else is: a network namespace without any way out.
 *
 * Servers listen on {@linkcode address}, {@linkcode address6} or on the address of metadata services, which all guests reach;
 * a second one of each kind is for names that have several. Guests get theirs by DHCP and by router advertisement, and ask the
 * same server for names.
 *
 * ```ts
 * await using network = await GuestNetwork.create({ names: { "registry.test": ["10.77.0.1"] } });
 * await using metadata = network.inside(() => new MetadataServer({ hostname: "169.254.169.254", port: 80 }));
 * await using guest = new Guest({ root, network });
 * ```
 *
 * The namespace ends with its last process and this one's descriptor: nothing is left behind, whatever happens.
 */
export class GuestNetwork implements AsyncDisposable {
  readonly address = "10.77.0.1";
  readonly address6 = "fd77::1";
  readonly #namespace: number;
  readonly #outside: number;
  readonly #directory = new TemporaryDirectory();
  #dnsmasq: Deno.ChildProcess | undefined;

  private constructor() {
    this.#outside = openForReading(OWN_NAMESPACE);
    unshare(CLONE_NEWNET);
    try {
      this.#namespace = openForReading(OWN_NAMESPACE);
    } finally {
      setns(this.#outside, CLONE_NEWNET);
    }
  }

  /** @param names addresses by name; `setNames` changes them */
  static async create(
    { names = {} }: { names?: Readonly<Record<string, readonly string[]>> } = {},
  ): Promise<GuestNetwork> {
    const network = new GuestNetwork();
    try {
      network.setNames(names);
      await network.#configure();
      await network.#serveNames();
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /**
   * Calls a function in the network: what it listens on is there. It must do so before it returns, or awaits anything.
   */
  inside<T>(work: () => T): T {
    setns(this.#namespace, CLONE_NEWNET);
    try {
      return work();
    } finally {
      setns(this.#outside, CLONE_NEWNET);
    }
  }

  /** Makes a command of one that runs in the network. */
  command(command: readonly string[]): string[] {
    return ["nsenter", `--net=/proc/${Deno.pid}/fd/${this.#namespace}`, ...command];
  }

  /** QEMU's arguments for a guest that is in the network. */
  get arguments(): string[] {
    const script = new URL("attach.sh", import.meta.url).pathname;
    const mac = [0x52, 0x54, 0x00, ...crypto.getRandomValues(new Uint8Array(3))]
      .map((byte) => byte.toString(16).padStart(2, "0")).join(":");
    return ["-nic", `tap,model=virtio-net-pci,mac=${mac},script=${script},downscript=no`];
  }

  /** Gives names other addresses than before. */
  setNames(names: Readonly<Record<string, readonly string[]>>): void {
    const lines = Object.entries(names).flatMap(([name, addresses]) =>
      addresses.map((address) => `${address} ${name}\n`)
    );
    Deno.writeTextFileSync(this.#hostsPath, lines.join(""));
    this.#dnsmasq?.kill("SIGHUP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#dnsmasq?.kill("SIGKILL");
    await this.#dnsmasq?.status;
    close(this.#namespace);
    close(this.#outside);
    this.#directory[Symbol.dispose]();
  }

  get #hostsPath(): string {
    return `${this.#directory.path}/hosts`;
  }

  async #configure(): Promise<void> {
    const commands = [
      "link set lo up",
      `link add ${BRIDGE} type bridge`,
      // Without duplicate address detection, which takes a second before a server may listen.
      ...ADDRESSES.map((address) =>
        `address add ${address} dev ${BRIDGE} ${address.includes(":") ? "nodad" : ""}`
      ),
      `link set ${BRIDGE} up`,
    ];
    await runCommand(this.command(["ip", "-batch", "-"]), { stdin: commands.join("\n") });
  }

  async #serveNames(): Promise<void> {
    const pidFile = `${this.#directory.path}/dnsmasq.pid`;
    const [program = "", ...args] = this.command([
      ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root"],
      ...[`--pid-file=${pidFile}`, "--no-resolv", "--no-hosts", `--addn-hosts=${this.#hostsPath}`],
      ...[`--interface=${BRIDGE}`, "--bind-interfaces", "--leasefile-ro", "--no-ping"],
      ...["--dhcp-range=10.77.0.100,10.77.0.199,1h", "--dhcp-authoritative"],
      // What is not known is said so at once, instead of being asked for elsewhere.
      ...["--enable-ra", "--dhcp-range=fd77::,ra-only,64,1h", "--local=//"],
    ]);
    this.#dnsmasq = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    // It writes its pid once it listens.
    await eventually("dnsmasq listens", () => Deno.stat(pidFile));
  }
}
