import assert from "node:assert/strict";
import { MountFlag } from "../../ffi/mount.ts";
import { type NfsOptions, parseNfsOptions } from "../../src/volumes/nfs_options.ts";

const defaults: NfsOptions = {
  flags: 0,
  data: "",
  minorVersions: [2, 1, 0],
  port: 2049,
  family: undefined,
  clientAddress: undefined,
};

const good: [text: string, differs: Partial<NfsOptions>][] = [
  ["", {}],
  ["vers=4", {}],
  ["vers=4.0", { minorVersions: [0] }],
  ["nfsvers=4.1", { minorVersions: [1] }],
  ["vers=4,minorversion=2", { minorVersions: [2] }],
  ["vers=4.0,vers=4.2", { minorVersions: [2] }],
  ["port=2050", { port: 2050 }],
  ["port=0", {}],
  ["proto=tcp", { family: 4 }],
  ["proto=tcp6", { family: 6 }],
  ["clientaddr=192.0.2.7", { clientAddress: "192.0.2.7" }],
  ["ro,soft,timeo=100,sec=sys", { flags: MountFlag.RDONLY, data: "soft,timeo=100,sec=sys" }],
  ["_netdev,bg,retry=5,hard", { data: "hard" }],
];

const bad: [text: string, message: RegExp][] = [
  ["vers=3", /NFS "3": the versions are 4, 4\.0, 4\.1 and 4\.2/],
  ["vers=4.3", /NFS "4\.3"/],
  ["nfsvers", /NFS ""/],
  ["minorversion=x", /NFS "4\.x"/],
  ["port=65536", /port "65536"/],
  ["port=-1", /port "-1"/],
  ["port", /port ""/],
  ["proto=udp", /protocol "udp"/],
  ["addr=192.0.2.1", /looked up at each try/],
];

for (const [text, differs] of good) {
  Deno.test(`NFS options "${text}"`, () => {
    assert.deepEqual(parseNfsOptions(text), { ...defaults, ...differs });
  });
}

for (const [text, message] of bad) {
  Deno.test(`NFS options "${text}" are refused`, () => {
    assert.throws(() => parseNfsOptions(text), { message });
  });
}
