import assert from "node:assert/strict";
import { parseNfsSource } from "../../src/volumes/nfs_source.ts";

const good: [device: string, host: string, path: string][] = [
  ["nfs.example.com:/export", "nfs.example.com", "/export"],
  ["192.0.2.1:/", "192.0.2.1", "/"],
  ["[2001:db8::1]:/a:b", "2001:db8::1", "/a:b"],
  ["[fe80::1%eth0]:/export", "fe80::1%eth0", "/export"],
];

const bad = [
  "",
  "/export",
  "nfs.example.com",
  "nfs.example.com:export",
  ":/export",
  "2001:db8::1:/export",
  "[nfs.example.com]:/export",
  "[]:/export",
  "host/name:/export",
];

for (const [device, host, path] of good) {
  Deno.test(`"${device}" is an NFS export`, () => {
    assert.deepEqual(parseNfsSource(device), { host, path });
  });
}

for (const device of bad) {
  Deno.test(`"${device}" is no NFS export`, () => {
    assert.throws(() => parseNfsSource(device), { message: /it is not "host:\/export"/ });
  });
}
