import assert from "node:assert/strict";
import type { Lease } from "../../../src/system/network/lease.ts";
import type { Link } from "../../../src/system/network/links.ts";
import { Network } from "../../../src/system/network/network.ts";
import { type StaticAddress, staticAddress } from "../../../src/system/network/static_address.ts";
import { CapturedLog } from "../../support/captured_log.ts";
import { FakeTime } from "../../support/fake_time.ts";

const PATIENCE = { address: 20_000, link: 3_000 };
const lease: Lease = {
  interface: "eth0",
  address: "192.0.2.7/24",
  gateway: "192.0.2.1",
  timeServers: [],
};
const eth0: Link = { name: "eth0", index: 2, hasCarrier: true };
const eth1: Link = { name: "eth1", index: 3, hasCarrier: true };

/** A machine whose interfaces are what the test says, and what is done to them. */
class Machine implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  links: Link[] = [];
  lease: Lease | undefined;
  readonly done: string[] = [];
  readonly network: Network;

  constructor(address?: StaticAddress) {
    this.network = new Network({
      links: () => this.links,
      bringUp: (link) => {
        this.done.push(`up ${link}`);
        if (link === "broken") throw new Error("Cannot bring up broken");
      },
      dhcpClient: (link) => ({
        start: () => void this.done.push(`dhcp ${link}`),
        stop: () => void this.done.push(`stop dhcp ${link}`),
      }),
      configure: (event, link, variables) => {
        this.done.push(`${event} ${link} ${variables?.["ip"] ?? ""}`.trim());
        return Promise.resolve();
      },
      lease: () => this.lease,
    }, address);
  }

  [Symbol.dispose](): void {
    this.network.stop();
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }
}

Deno.test("all interfaces are switched on, and the first with carrier gets an address", async () => {
  using machine = new Machine();
  machine.links = [{ ...eth0, hasCarrier: false }, { ...eth1, hasCarrier: false }];
  machine.network.start();
  await machine.time.advance(1_000);
  assert.deepEqual(machine.done, ["up eth0", "up eth1"]);
  machine.links = [{ ...eth0, hasCarrier: false }, eth1];
  await machine.time.advance(100);
  machine.links = [eth0, eth1];
  await machine.time.advance(1_000);
  assert.deepEqual(machine.done, ["up eth0", "up eth1", "dhcp eth1"]);
});

Deno.test("an address is waited for until it is there", async () => {
  using machine = new Machine();
  machine.links = [eth0];
  machine.network.start();
  const address = machine.network.address(PATIENCE);
  await machine.time.advance(15_000);
  machine.lease = lease;
  await machine.time.advance(100);
  assert.equal(await address, lease);
});

Deno.test("it is not waited for longer than somebody has patience, and not long on a machine without interfaces", async () => {
  for (const [links, patience] of [[[eth0], 20_000], [[], 3_000]] as const) {
    using machine = new Machine();
    machine.links = [...links];
    machine.network.start();
    let answer: Lease | undefined | "none yet" = "none yet";
    void machine.network.address(PATIENCE).then((lease) => answer = lease);
    await machine.time.advance(patience - 100);
    assert.equal(answer, "none yet");
    await machine.time.advance(200);
    assert.equal(answer, undefined);
  }
});

Deno.test("an interface that shows up later is used", async () => {
  using machine = new Machine();
  machine.network.start();
  await machine.time.advance(3_600_000);
  machine.links = [eth0];
  await machine.time.advance(3_000);
  assert.deepEqual(machine.done, ["up eth0", "dhcp eth0"]);
});

Deno.test("an interface that loses carrier keeps its address until another one has carrier", async () => {
  using machine = new Machine();
  machine.links = [eth0];
  machine.network.start();
  machine.lease = lease;
  machine.links = [{ ...eth0, hasCarrier: false }];
  await machine.time.advance(60_000);
  assert.deepEqual(machine.done, ["up eth0", "dhcp eth0"]);
  machine.links = [{ ...eth0, hasCarrier: false }, eth1];
  await machine.time.advance(3_000);
  assert.deepEqual(machine.done.slice(2), [
    "up eth1",
    "stop dhcp eth0",
    "deconfig eth0",
    "dhcp eth1",
  ]);
});

Deno.test("an address of the kernel's command line is given to the interface that it names, without DHCP", async () => {
  using machine = new Machine(staticAddress("ip=192.0.2.9:::255.255.255.0::eth1:off"));
  machine.links = [eth0];
  machine.network.start();
  await machine.time.advance(1_000);
  assert.deepEqual(machine.done, ["up eth0"]);
  machine.links = [eth0, eth1];
  await machine.time.advance(1_000);
  assert.deepEqual(machine.done, ["up eth0", "up eth1", "bound eth1 192.0.2.9"]);
});

Deno.test("an interface that cannot be switched on is said once, and the others are used", async () => {
  using machine = new Machine();
  machine.links = [{ name: "broken", index: 1, hasCarrier: false }, eth0];
  machine.network.start();
  await machine.time.advance(1_000);
  assert.deepEqual(machine.done, ["up broken", "up eth0", "dhcp eth0"]);
  assert.deepEqual(machine.log.lines("broken"), ["error   network: Cannot bring up broken"]);
});
