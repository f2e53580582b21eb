import assert from "node:assert/strict";
import { countPartition } from "../../../src/system/upgrade/count_partition.ts";
import { TemporaryDirectory } from "../../support/temporary_directory.ts";

/** A machine with these block devices, and the lines of what the kernel says of each beside its name. */
function machine(devices: Readonly<Record<string, readonly string[]>>) {
  const directory = new TemporaryDirectory();
  const [sys, dev] = [`${directory.path}/sys`, `${directory.path}/dev`];
  Deno.mkdirSync(dev);
  for (const [name, lines] of Object.entries(devices)) {
    Deno.mkdirSync(`${sys}/class/block/${name}`, { recursive: true });
    const uevent = ["MAJOR=254", `DEVNAME=${name}`, ...lines, ""].join("\n");
    Deno.writeTextFileSync(`${sys}/class/block/${name}/uevent`, uevent);
    Deno.writeFileSync(`${dev}/${name}`, new Uint8Array(1024).fill(7));
  }
  return { sys, dev, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

Deno.test("the partition is found by its name, and its first block is read and written", async () => {
  using made = machine({
    vda: ["DEVTYPE=disk"],
    vda2: ["DEVTYPE=partition", "PARTN=2", "PARTNAME=boot"],
    vda3: ["DEVTYPE=partition", "PARTN=3", "PARTNAME=frontloader-starts"],
    vdb1: ["DEVTYPE=partition", "PARTN=1", "PARTNAME=frontloader-starts-not"],
  });
  const block = countPartition(made)!;
  assert.deepEqual(await block.read(), new Uint8Array(512).fill(7));
  await block.write(new Uint8Array(512).fill(1));
  assert.deepEqual(await block.read(), new Uint8Array(512).fill(1));
  const device = Deno.readFileSync(`${made.dev}/vda3`);
  assert.deepEqual(device.subarray(512), new Uint8Array(512).fill(7), "what is behind it");
});

Deno.test("a machine without the partition, or without disks, has none", () => {
  using made = machine({ vda: ["DEVTYPE=disk"] });
  assert.equal(countPartition(made), undefined);
  assert.equal(countPartition({ ...made, sys: `${made.sys}/none` }), undefined);
});

Deno.test("which of two it is cannot be told", () => {
  const partition = ["PARTNAME=frontloader-starts"];
  using made = machine({ vdb3: partition, nvme0n1p3: partition });
  assert.throws(
    () => countPartition(made),
    /^Error: Several partitions are named frontloader-starts: nvme0n1p3, vdb3$/,
  );
});
