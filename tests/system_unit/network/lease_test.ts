import assert from "node:assert/strict";
import { readLease } from "../../../src/system/network/lease.ts";

Deno.test("a lease is read as the script writes it", () => {
  const text =
    "interface=eth0\naddress=192.0.2.7/24\ngateway=192.0.2.1\nntp=192.0.2.123 192.0.2.124\n";
  assert.deepEqual(readLease(() => text), {
    interface: "eth0",
    address: "192.0.2.7/24",
    gateway: "192.0.2.1",
    timeServers: ["192.0.2.123", "192.0.2.124"],
  });
  const bare = "interface=eth0\naddress=192.0.2.7/24\ngateway=\nntp=\n";
  assert.deepEqual(readLease(() => bare)?.timeServers, []);
});

Deno.test("without a file there is no lease", () => {
  const missing = () => {
    throw new Deno.errors.NotFound();
  };
  assert.equal(readLease(missing), undefined);
});
