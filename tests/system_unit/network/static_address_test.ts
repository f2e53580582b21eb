import assert from "node:assert/strict";
import { scriptVariables, staticAddress } from "../../../src/system/network/static_address.ts";

Deno.test("every part of ip= is read", () => {
  assert.deepEqual(
    staticAddress(
      "quiet ip=192.0.2.7:192.0.2.1:192.0.2.254:255.255.254.0:shop:eth1:off:192.0.2.53:198.51.100.53:192.0.2.123 panic=1\n",
    ),
    {
      address: "192.0.2.7",
      prefixLength: 23,
      gateway: "192.0.2.254",
      hostName: "shop",
      device: "eth1",
      nameServers: ["192.0.2.53", "198.51.100.53"],
      timeServer: "192.0.2.123",
    },
  );
});

Deno.test("parts may be left out, and 0.0.0.0 is none", () => {
  assert.deepEqual(staticAddress("ip=192.0.2.7:::255.255.255.0::eth0:none"), {
    address: "192.0.2.7",
    prefixLength: 24,
    device: "eth0",
    nameServers: [],
  });
  assert.deepEqual(staticAddress("ip=10.1.2.3::0.0.0.0:255.255.255.255"), {
    address: "10.1.2.3",
    prefixLength: 32,
    nameServers: [],
  });
});

Deno.test("without a netmask an address is in the network of its class", () => {
  for (const [address, length] of [["10.1.2.3", 8], ["172.16.0.1", 16], ["192.0.2.7", 24]]) {
    assert.equal(staticAddress(`ip=${address}`)?.prefixLength, length);
  }
});

Deno.test("the last ip= counts", () => {
  assert.equal(staticAddress("ip=192.0.2.7 ip=192.0.2.8")?.address, "192.0.2.8");
});

Deno.test("a machine that is told of no address gets one by DHCP", () => {
  for (
    const line of [
      "",
      "quiet",
      "ip=dhcp",
      "ip=on",
      "ip=",
      "ip=:::::eth0:dhcp",
      "ip=::::shop::dhcp",
      "tip=192.0.2.7",
    ]
  ) {
    assert.equal(staticAddress(line), undefined, line);
  }
});

Deno.test("an address or netmask that is none is an error that shows it", () => {
  assert.throws(() => staticAddress("ip=192.0.2.300::"), {
    message: 'Cannot use "ip=192.0.2.300::": "192.0.2.300" is no IPv4 address',
  });
  assert.throws(() => staticAddress("ip=192.0.2.7::gateway:255.255.255.0"), /"gateway" is no IPv4/);
  for (const netmask of ["255.0.255.0", "24", "255.255.255"]) {
    assert.throws(() => staticAddress(`ip=192.0.2.7:::${netmask}`), /is no netmask/, netmask);
  }
});

Deno.test("the script is told of an address as udhcpc would", () => {
  const address = staticAddress(
    "ip=192.0.2.7::192.0.2.1:255.255.255.0:shop::off:192.0.2.53:192.0.2.54",
  )!;
  assert.deepEqual(scriptVariables(address), {
    ip: "192.0.2.7",
    mask: "24",
    dns: "192.0.2.53 192.0.2.54",
    router: "192.0.2.1",
    hostname: "shop",
  });
});
