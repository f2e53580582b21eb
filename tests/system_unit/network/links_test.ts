import assert from "node:assert/strict";
import { chooseLink, links } from "../../../src/system/network/links.ts";
import { TemporaryDirectory } from "../../support/temporary_directory.ts";

interface Interface {
  readonly type?: string;
  readonly ifindex?: string;
  readonly carrier?: string;
  readonly hardware?: boolean;
}

function linksOf(interfaces: Readonly<Record<string, Interface>>) {
  using directory = new TemporaryDirectory();
  for (const [name, { hardware = true, ...files }] of Object.entries(interfaces)) {
    Deno.mkdirSync(`${directory.path}/${name}${hardware ? "/device" : ""}`, { recursive: true });
    for (const [file, text] of Object.entries({ type: "1", ...files })) {
      Deno.writeTextFileSync(`${directory.path}/${name}/${file}`, `${text}\n`);
    }
  }
  return links(directory.path);
}

Deno.test("the interfaces of a machine are its Ethernet devices, in the kernel's order", () => {
  assert.deepEqual(
    linksOf({
      lo: { type: "772", ifindex: "1", carrier: "1", hardware: false },
      docker0: { ifindex: "4", carrier: "1", hardware: false },
      ib0: { type: "32", ifindex: "5", carrier: "1" },
      eth1: { ifindex: "2", carrier: "0" },
      eth0: { ifindex: "3", carrier: "1" },
      eth2: { ifindex: "10" },
    }),
    [
      { name: "eth1", index: 2, hasCarrier: false },
      { name: "eth0", index: 3, hasCarrier: true },
      { name: "eth2", index: 10, hasCarrier: false },
    ],
  );
});

Deno.test("a kernel without network has no interfaces", () => {
  assert.deepEqual(links("/nonexistent"), []);
});

const [eth0, eth1] = [{ name: "eth0", index: 2 }, { name: "eth1", index: 3 }];

Deno.test("the first interface with carrier is chosen", () => {
  assert.equal(
    chooseLink([{ ...eth0, hasCarrier: false }, { ...eth1, hasCarrier: true }], undefined),
    "eth1",
  );
  assert.equal(
    chooseLink([{ ...eth0, hasCarrier: true }, { ...eth1, hasCarrier: true }], undefined),
    "eth0",
  );
  assert.equal(chooseLink([{ ...eth0, hasCarrier: false }], undefined), undefined);
});

Deno.test("the one that was chosen is kept as long as it has carrier", () => {
  const both = [{ ...eth0, hasCarrier: true }, { ...eth1, hasCarrier: true }];
  assert.equal(chooseLink(both, "eth1"), "eth1");
  assert.equal(chooseLink([both[0]!, { ...eth1, hasCarrier: false }], "eth1"), "eth0");
  assert.equal(chooseLink([both[0]!], "eth1"), "eth0");
});
