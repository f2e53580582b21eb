/** The script that configures interfaces, with a real kernel, on a machine made of namespaces. */
import assert from "node:assert/strict";
import { commandText } from "../support/command.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const SCRIPT = new URL(
  "../../buildroot-ext/board/frontloader/rootfs-overlay/usr/share/udhcpc/default.script",
  import.meta.url,
).pathname;

/** What udhcpc says of a lease. */
type Variables = Readonly<Record<string, string>>;

const LEASE: Variables = {
  ip: "192.0.2.7",
  mask: "24",
  router: "192.0.2.1 192.0.2.2",
  dns: "192.0.2.53 198.51.100.53",
  domain: "example.com",
};

/**
 * Calls the script in namespaces of its own, in which there are an interface `eth0` and busybox, and looks at what has become of
 * them.
 *
 * @param calls events with their variables, one after the other
 * @param prepare shell commands before them
 */
async function afterCalls(
  calls: readonly (readonly [event: string, variables: Variables])[],
  prepare = "",
): Promise<{ addresses: string; routes: string; link: string; files: string }> {
  using directory = new TemporaryDirectory();
  const assignments = (variables: Variables) =>
    Object.entries(variables).map(([name, value]) => `${name}='${value}'`).join(" ");
  const script = `
    set -e
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /etc
    mount -t proc proc /proc
    mkdir /run/bin
    busybox --install -s /run/bin
    export PATH=/run/bin
    hostname frontloader
    ip link add eth0 type bridge
    ${prepare}
    ${
    calls.map(([event, variables]) =>
      `env interface=eth0 ${assignments(variables)} busybox sh ${SCRIPT} ${event}`
    ).join("\n")
  }
    part() { echo "== $1"; shift; "$@" 2>/dev/null || true; }
    part addresses ip -4 -o address show dev eth0
    part routes ip -4 route
    part link ip link show dev eth0
    part files cat /etc/resolv.conf /run/network/lease /proc/sys/kernel/hostname
  `;
  await Deno.writeTextFile(`${directory.path}/script`, script);
  const text = await commandText([
    ...["unshare", "--net", "--mount", "--uts", "--pid", "--fork"],
    ...["busybox", "sh", `${directory.path}/script`],
  ]);
  const parts = Object.fromEntries(
    text.split("== ").slice(1).map((part) => {
      const [name, ...lines] = part.split("\n");
      return [name, lines.join("\n").trim()];
    }),
  );
  return parts as Awaited<ReturnType<typeof afterCalls>>;
}

Deno.test("an interface gets address, gateway and name servers, and the machine a name", async () => {
  const { addresses, routes, link, files } = await afterCalls([
    ["deconfig", {}],
    ["bound", { ...LEASE, mtu: "1400", ntpsrv: "192.0.2.123", hostname: "shop" }],
  ]);
  assert.match(addresses, /^\d+: eth0 +inet 192\.0\.2\.7\/24 /);
  assert.match(routes, /^default via 192\.0\.2\.1 dev eth0 *$/m);
  assert.match(link, / mtu 1400 /);
  assert.equal(
    files,
    [
      "search example.com",
      "nameserver 192.0.2.53",
      "nameserver 198.51.100.53",
      "interface=eth0",
      "address=192.0.2.7/24",
      "gateway=192.0.2.1 192.0.2.2",
      "ntp=192.0.2.123",
      "shop",
    ].join("\n"),
  );
});

Deno.test("classless routes are used in place of the routers", async () => {
  const { routes } = await afterCalls([
    ["bound", {
      ...LEASE,
      staticroutes: "10.0.0.0/8 192.0.2.9 0.0.0.0/0 192.0.2.3 198.51.100.0/24 0.0.0.0",
    }],
  ], "ip link set eth0 up");
  assert.match(routes, /^default via 192\.0\.2\.3 /m);
  assert.match(routes, /^10\.0\.0\.0\/8 via 192\.0\.2\.9 /m);
  assert.match(routes, /^198\.51\.100\.0\/24 dev eth0/m);
  assert.doesNotMatch(routes, /192\.0\.2\.1 /);
});

Deno.test("a gateway outside of the interface's network is reached through it", async () => {
  const { routes } = await afterCalls([
    ["bound", { ip: "10.128.0.7", mask: "32", router: "10.128.0.1", dns: "" }],
  ], "ip link set eth0 up");
  assert.match(routes, /^default via 10\.128\.0\.1 dev eth0/m);
  assert.match(routes, /^10\.128\.0\.1 dev eth0/m);
});

Deno.test("a lease that is renewed changes nothing, and one with another address replaces the one before", async () => {
  const same = await afterCalls(
    [["bound", LEASE], ["renew", LEASE]],
    "ip link set eth0 up",
  );
  assert.equal(same.addresses.split("\n").length, 1);
  const other = await afterCalls(
    [["bound", LEASE], ["renew", { ...LEASE, ip: "192.0.2.8" }]],
    "ip link set eth0 up",
  );
  assert.match(other.addresses, /192\.0\.2\.8\/24/);
  assert.doesNotMatch(other.addresses, /192\.0\.2\.7/);
  assert.match(other.routes, /^default via 192\.0\.2\.1/m);
});

Deno.test("a lease that is lost leaves no address and says so", async () => {
  const { addresses, files } = await afterCalls(
    [["bound", LEASE], ["deconfig", {}]],
    "ip link set eth0 up",
  );
  assert.equal(addresses, "");
  assert.doesNotMatch(files, /address=/);
});

Deno.test("name servers are written where /etc/resolv.conf leads, and stay when none are given", async () => {
  const { files } = await afterCalls(
    [["bound", LEASE], ["renew", { ip: "192.0.2.7", mask: "24" }]],
    "ip link set eth0 up; mkdir /run/x; ln -s /run/x/resolv.conf /etc/resolv.conf",
  );
  assert.match(files, /^search example.com\nnameserver 192\.0\.2\.53\n/);
});

Deno.test("a host name that somebody else has given stays, and an MTU that is none is ignored", async () => {
  const { files, link } = await afterCalls(
    [["bound", { ...LEASE, hostname: "shop", mtu: "68" }]],
    "ip link set eth0 up; hostname i-1.eu-west-1a",
  );
  assert.match(files, /\ni-1\.eu-west-1a$/);
  assert.match(link, / mtu 1500 /);
});
