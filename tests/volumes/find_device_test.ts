import assert from "node:assert/strict";
import type { NvmeController } from "../../src/volumes/ec2_device.ts";
import { type DeviceView, findDevice } from "../../src/volumes/find_device.ts";
import { NoDeviceError } from "../../src/volumes/no_device_error.ts";

/** The beginning of an XFS. */
function xfs(label: string, uuid: string): Uint8Array {
  const start = new Uint8Array(4096);
  start.set(new TextEncoder().encode("XFSB"));
  start.set(uuid.replaceAll("-", "").match(/../g)!.map((hex) => parseInt(hex, 16)), 32);
  start.set(new TextEncoder().encode(label), 108);
  return start;
}

/** An NVMe controller as EC2 has them; `vendor`: its 32 bytes of the vendor. */
function controller(device: string, model: string, vendor = ""): NvmeController {
  const data = new Uint8Array(4096);
  data.fill(0x20, 24, 64);
  data.set(new TextEncoder().encode(model), 24);
  data.fill(0x20, 3072, 3104);
  data.set(new TextEncoder().encode(vendor), 3072);
  return { device, data };
}

const UUID_A = "01234567-89ab-cdef-0123-456789abcdef";
const UUID_B = "11234567-89ab-cdef-0123-456789abcdef";
const EBS = "Amazon Elastic Block Store";
const STORE = "Amazon EC2 NVMe Instance Storage";

/** A machine with these devices. */
function machine(
  { nodes = {}, starts = {}, controllers = [] }: {
    /** What paths lead to; undefined for what is no block device. */
    nodes?: Record<string, string | undefined>;
    starts?: Record<string, Uint8Array | undefined>;
    controllers?: NvmeController[];
  },
): DeviceView {
  return {
    resolve: (path) =>
      Object.hasOwn(nodes, path)
        ? { path: nodes[path] ?? path, isBlockDevice: nodes[path] !== undefined }
        : undefined,
    list: () => Object.keys(starts),
    readStart: (path) => starts[path],
    nvmeControllers: () => controllers,
  };
}

Deno.test("a path is followed to its block device", () => {
  const view = machine({ nodes: { "/dev/disk/by-id/x": "/dev/sdb", "/dev/sdb": "/dev/sdb" } });
  assert.equal(findDevice("/dev/disk/by-id/x", view), "/dev/sdb");
  assert.equal(findDevice("/dev/sdb", view), "/dev/sdb");
});

Deno.test("what is no block device is an error, and what is not there is no device yet", () => {
  const view = machine({ nodes: { "/srv/image": undefined } });
  assert.throws(() => findDevice("/srv/image", view), /^Error: .*it is no block device$/);
  for (const name of ["/dev/sdb", "/dev/nvme1n1", "sdf", "ephemeral0", "data"]) {
    assert.throws(() => findDevice(name, view), NoDeviceError, name);
  }
});

Deno.test("LABEL= and UUID= name the XFS with it, on whatever device", () => {
  const view = machine({
    starts: {
      "/dev/sda": new Uint8Array(4096),
      "/dev/sdb": xfs("data", UUID_A),
      "/dev/sdc": undefined,
      "/dev/sdd": xfs("twelve-bytes", UUID_B),
    },
  });
  assert.equal(findDevice("LABEL=data", view), "/dev/sdb");
  assert.equal(findDevice("LABEL=twelve-bytes", view), "/dev/sdd");
  assert.equal(findDevice(`UUID=${UUID_B.toUpperCase()}`, view), "/dev/sdd");
  for (const name of ["LABEL=dat", "LABEL=DATA", "LABEL=", "UUID=01234567"]) {
    assert.throws(() => findDevice(name, view), NoDeviceError, name);
  }
});

Deno.test("two devices that carry the same name are not chosen from", () => {
  const view = machine({
    starts: { "/dev/sdb": xfs("data", UUID_A), "/dev/sdc": xfs("data", UUID_A) },
  });
  for (const name of ["LABEL=data", `UUID=${UUID_A}`]) {
    assert.throws(() => findDevice(name, view), /: \/dev\/sdb and \/dev\/sdc are$/);
  }
});

Deno.test("names of EC2 are what the NVMe controllers say, with or without /dev/, as sd or xvd", () => {
  const view = machine({
    nodes: { "/dev/nvme1n1": "/dev/nvme1n1", "/dev/nvme2n1": "/dev/nvme2n1" },
    controllers: [
      controller("/dev/nvme0n1", EBS, "/dev/xvda"),
      controller("/dev/nvme1n1", EBS, "sdg"),
      controller("/dev/nvme2n1", EBS, "/dev/sdf"),
    ],
  });
  for (const name of ["sdf", "/dev/sdf", "xvdf", "/dev/xvdf"]) {
    assert.equal(findDevice(name, view), "/dev/nvme2n1", name);
  }
  assert.equal(findDevice("sdg", view), "/dev/nvme1n1");
  assert.throws(() => findDevice("sdh", view), NoDeviceError);
});

Deno.test("the vendor's bytes of others than Amazon mean nothing", () => {
  const view = machine({
    nodes: { "/dev/nvme1n1": "/dev/nvme1n1" },
    controllers: [controller("/dev/nvme1n1", "QEMU NVMe Ctrl", "sdf")],
  });
  assert.throws(() => findDevice("sdf", view), NoDeviceError);
});

Deno.test("a node with the very name comes before a controller, and Xen's node after it", () => {
  const controllers = [controller("/dev/nvme1n1", EBS, "sdf")];
  const nvme = { "/dev/nvme1n1": "/dev/nvme1n1" };
  const here = machine({ nodes: { ...nvme, "/dev/sdf": "/dev/sdf" }, controllers });
  assert.equal(findDevice("/dev/sdf", here), "/dev/sdf");
  assert.equal(findDevice("sdf", here), "/dev/nvme1n1");
  const xen = machine({ nodes: { "/dev/xvdf": "/dev/xvdf" } });
  for (const name of ["sdf", "/dev/sdf", "xvdf"]) {
    assert.equal(findDevice(name, xen), "/dev/xvdf", name);
  }
});

Deno.test("instance stores are known by their number, or counted where they do not say it", () => {
  const nodes = { "/dev/nvme1n1": "/dev/nvme1n1", "/dev/nvme2n1": "/dev/nvme2n1" };
  const named = machine({
    nodes,
    controllers: [
      controller("/dev/nvme0n1", EBS, "xvda"),
      controller("/dev/nvme1n1", STORE, "ephemeral1:sdc"),
      controller("/dev/nvme2n1", STORE, "ephemeral0:none"),
    ],
  });
  assert.equal(findDevice("ephemeral0", named), "/dev/nvme2n1");
  assert.equal(findDevice("ephemeral1", named), "/dev/nvme1n1");
  assert.throws(() => findDevice("ephemeral2", named), NoDeviceError);
  // By the name of the block-device mapping it is not known: that is for the user to say.
  assert.throws(() => findDevice("sdc", named), NoDeviceError);
  const nameless = machine({
    nodes,
    controllers: [
      controller("/dev/nvme0n1", EBS, "xvda"),
      controller("/dev/nvme1n1", STORE),
      controller("/dev/nvme2n1", STORE),
    ],
  });
  assert.equal(findDevice("ephemeral0", nameless), "/dev/nvme1n1");
  assert.equal(findDevice("ephemeral1", nameless), "/dev/nvme2n1");
});

Deno.test("a vendor's field of NULs is no name", () => {
  const { device, data } = controller("/dev/nvme1n1", STORE);
  data.fill(0, 3072, 3104);
  const view = machine({
    nodes: { "/dev/nvme1n1": "/dev/nvme1n1" },
    controllers: [{ device, data }],
  });
  assert.equal(findDevice("ephemeral0", view), "/dev/nvme1n1");
});
