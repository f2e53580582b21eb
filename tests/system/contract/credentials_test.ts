/** Who a container is: what its configuration says, and what the kernel says of it inside. Needs root. */
import assert from "node:assert/strict";
import { ConfiguredContainers, type TreeName } from "../../support/configured_containers.ts";

const containers = await ConfiguredContainers.create("busybox", "debian");
Deno.test.afterAll(() => containers[Symbol.dispose]());

/** One configuration, and who it makes of the container. */
interface Row {
  readonly settings: {
    readonly uid?: number;
    readonly gid?: number;
    readonly groups?: readonly number[];
    readonly capabilities?: readonly string[];
  };
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Bits of capabilities(7), written down from include/uapi/linux/capability.h. */
  readonly capabilities: bigint;
}

/** docker's default set is 0xa80425fb; without CAP_MKNOD, bit 27. */
const ROOT = 0xa00425fbn;
const NET_BIND_SERVICE = 0x400n;
const SYS_NICE = 0x800000n;

const rows: readonly Row[] = [
  { settings: {}, uid: 0, gid: 0, groups: [0], capabilities: ROOT },
  { settings: { uid: 0 }, uid: 0, gid: 0, groups: [0], capabilities: ROOT },
  { settings: { gid: 7 }, uid: 0, gid: 7, groups: [7], capabilities: ROOT },
  { settings: { groups: [] }, uid: 0, gid: 0, groups: [], capabilities: ROOT },
  { settings: { gid: 5, groups: [9, 6] }, uid: 0, gid: 5, groups: [6, 9], capabilities: ROOT },
  { settings: { capabilities: [] }, uid: 0, gid: 0, groups: [0], capabilities: 0n },
  { settings: { capabilities: ["CHOWN"] }, uid: 0, gid: 0, groups: [0], capabilities: 1n },
  { settings: { capabilities: ["CAP_CHOWN"] }, uid: 0, gid: 0, groups: [0], capabilities: 1n },
  {
    settings: { capabilities: ["KILL", "CAP_KILL", "KILL"] },
    uid: 0,
    gid: 0,
    groups: [0],
    capabilities: 0x20n,
  },
  {
    settings: { capabilities: ["SYS_ADMIN"] },
    uid: 0,
    gid: 0,
    groups: [0],
    capabilities: 0x200000n,
  },
  {
    settings: { capabilities: ["SETUID", "CAP_SETGID", "SETPCAP"] },
    uid: 0,
    gid: 0,
    groups: [0],
    capabilities: 0x1c0n,
  },
  {
    settings: { gid: 33, groups: [33], capabilities: ["MAC_OVERRIDE", "CHECKPOINT_RESTORE"] },
    uid: 0,
    gid: 33,
    groups: [33],
    capabilities: 0x10100000000n,
  },
  { settings: { uid: 1 }, uid: 1, gid: 0, groups: [0], capabilities: 0n },
  {
    settings: { uid: 1000, gid: 1000 },
    uid: 1000,
    gid: 1000,
    groups: [1000],
    capabilities: 0n,
  },
  {
    settings: { uid: 1000, gid: 1000, groups: [] },
    uid: 1000,
    gid: 1000,
    groups: [],
    capabilities: 0n,
  },
  {
    settings: { uid: 1000, gid: 1000, groups: [27, 5, 1000] },
    uid: 1000,
    gid: 1000,
    groups: [5, 27, 1000],
    capabilities: 0n,
  },
  {
    settings: { uid: 1000, capabilities: [] },
    uid: 1000,
    gid: 0,
    groups: [0],
    capabilities: 0n,
  },
  {
    settings: { uid: 1000, gid: 1000, capabilities: ["NET_BIND_SERVICE"] },
    uid: 1000,
    gid: 1000,
    groups: [1000],
    capabilities: NET_BIND_SERVICE,
  },
  {
    settings: { uid: 1000, gid: 1000, capabilities: ["CAP_NET_BIND_SERVICE"] },
    uid: 1000,
    gid: 1000,
    groups: [1000],
    capabilities: NET_BIND_SERVICE,
  },
  {
    settings: { uid: 1000, gid: 1000, capabilities: ["SYS_NICE", "NET_BIND_SERVICE"] },
    uid: 1000,
    gid: 1000,
    groups: [1000],
    capabilities: NET_BIND_SERVICE | SYS_NICE,
  },
  {
    settings: {
      uid: 33,
      gid: 33,
      groups: [4, 33],
      capabilities: ["SETUID", "SETGID", "SETPCAP"],
    },
    uid: 33,
    gid: 33,
    groups: [4, 33],
    capabilities: 0x1c0n,
  },
  {
    settings: { uid: 65534, gid: 65534, capabilities: ["BPF", "CAP_PERFMON"] },
    uid: 65534,
    gid: 65534,
    groups: [65534],
    capabilities: 0xc000000000n,
  },
  {
    settings: { uid: 1, capabilities: ["CHECKPOINT_RESTORE"] },
    uid: 1,
    gid: 0,
    groups: [0],
    capabilities: 0x10000000000n,
  },
  {
    settings: { uid: 4294967294, gid: 4294967294 },
    uid: 4294967294,
    gid: 4294967294,
    groups: [4294967294],
    capabilities: 0n,
  },
  {
    settings: { uid: 4294967294, gid: 4294967294, groups: [4294967294, 0], capabilities: ["KILL"] },
    uid: 4294967294,
    gid: 4294967294,
    groups: [0, 4294967294],
    capabilities: 0x20n,
  },
  {
    settings: { uid: 1000, groups: Array.from({ length: 200 }, (_, i) => 3000 - i) },
    uid: 1000,
    gid: 0,
    groups: Array.from({ length: 200 }, (_, i) => 2801 + i),
    capabilities: 0n,
  },
];

const hex = (mask: bigint) => mask.toString(16).padStart(16, "0");

rows.forEach(({ settings, uid, gid, groups, capabilities }, index) => {
  // Both trees, in turn: the tree makes no difference to who runs.
  const tree: TreeName = index % 2 === 0 ? "busybox" : "debian";
  const shown = JSON.stringify(settings);
  const name = shown.length > 120 ? `${shown.slice(0, 120)}…` : shown;
  Deno.test(`a container with ${name} has exactly these credentials`, async () => {
    // Without a shell, which would change what it inherits.
    const status = await statusOf(["cat", "/proc/self/status"], { settings, tree });
    // Root's come back with execve from the bounding set; others keep theirs in the ambient one.
    const ambient = hex(uid === 0 ? 0n : capabilities);
    assert.deepEqual(status, {
      Uid: Array(4).fill(uid).join(" "),
      Gid: Array(4).fill(gid).join(" "),
      Groups: groups.join(" "),
      CapInh: ambient,
      CapPrm: hex(capabilities),
      CapEff: hex(capabilities),
      CapBnd: hex(capabilities),
      CapAmb: ambient,
      NoNewPrivs: "1",
    });
  });
});

Deno.test("without an init in front the credentials are the same", async () => {
  const settings = { uid: 1000, gid: 1000, capabilities: ["KILL"], init: false };
  const status = await statusOf(["cat", "/proc/1/status"], { settings });
  assert.deepEqual(
    [status.Uid, status.CapEff, status.CapBnd, status.CapAmb, status.NoNewPrivs],
    ["1000 1000 1000 1000", hex(0x20n), hex(0x20n), hex(0x20n), "1"],
  );
});

Deno.test("a name that is no capability is an error of the configuration that names it", async () => {
  await assert.rejects(
    containers.run("true", { settings: { capabilities: ["NET_ADMIN", "CAP_FLY"] } }),
    /test\.json:\d+:\d+: .*capabilities\[1\].*CAP_FLY/,
  );
});

Deno.test("a setuid program of the image gives nobody its owner's rights", async () => {
  const status = await statusOf(["/opt/setuid-cat", "/proc/self/status"], {
    settings: { uid: 1000, gid: 1000 },
    tree: "debian",
    layer: (root) => {
      Deno.mkdirSync(`${root}/opt`);
      Deno.copyFileSync("/bin/cat", `${root}/opt/setuid-cat`);
      Deno.chmodSync(`${root}/opt/setuid-cat`, 0o4755);
    },
  });
  assert.equal(status.Uid, "1000 1000 1000 1000");
});

/** The fields of a status file that say who a process is. */
async function statusOf(
  command: readonly string[],
  launch: Parameters<typeof containers.output>[1],
): Promise<Record<string, string>> {
  const wanted = /^(Uid|Gid|Groups|Cap\w+|NoNewPrivs):\s*(.*)$/;
  const lines = await containers.output(command, launch);
  return Object.fromEntries(
    lines.map((line) => wanted.exec(line)).filter((match) => match !== null)
      .map(([, name, value]) => [name!, value!.trim().replaceAll(/\s+/g, " ")]),
  );
}
