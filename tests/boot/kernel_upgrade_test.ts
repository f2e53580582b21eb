/** A machine changes its own system: to what a registry has, by kexec, and only if that can be loaded. */
import assert from "node:assert/strict";
import { pushBusyboxImage } from "../support/busybox_image.ts";
import { untilTerm } from "../support/frontloader_fixture.ts";
import { APPLIANCE } from "../support/guest/appliance.ts";
import { Appliance } from "../support/guest/appliance_guest.ts";
import { pushSystem, systemCommit, systemOfCommit } from "../support/guest/system_image.ts";

/** A world with a container, and a system image that is of the commit that runs. */
async function upgradeWorld(): Promise<{
  world: Appliance;
  push(labels: Record<string, string>, files: Record<string, Uint8Array>): Promise<string>;
}> {
  const world = await Appliance.create();
  const { registry } = world;
  await pushBusyboxImage(registry, {
    repository: "web",
    tag: "latest",
    entrypoint: ["/bin/sh", "-c", untilTerm("ready")],
  });
  world.configuration = {
    checkInterval: 1,
    kernel: { manifest: `${registry.origin}/v2/system/manifests/latest` },
    container: { id: "web", manifest: `${registry.origin}/v2/web/manifests/latest` },
  };
  return {
    world,
    push: (labels, files) =>
      pushSystem(registry, { repository: "system", tag: "latest", labels, files }),
  };
}

/** What has a kernel's signature, and is none. */
function imitation(): Uint8Array {
  const bytes = new Uint8Array(2 << 20);
  bytes.set(new TextEncoder().encode("HdrS"), 0x202);
  return bytes;
}

Deno.test("a machine changes to the system that is pushed, if that is one", async (t) => {
  const { world: created, push } = await upgradeWorld();
  await using world = created;
  const bzImage = await Deno.readFile(APPLIANCE.kernel);
  await push({ commit: systemCommit() }, { bzImage });
  await using guest = world.boot({ memory: 512 });

  await t.step("an image of the commit that runs is left alone", async () => {
    await guest.waitForLine(/ upgrade: This system is what http:\S+ has commit=/);
    await guest.waitForLine(/ web\| ready$/);
  });

  const unusable: readonly [
    what: string,
    Record<string, string>,
    Record<string, Uint8Array>,
    RegExp,
  ][] = [
    ["without a commit", {}, { bzImage }, /does not say which commit it is/],
    ["without a kernel", { commit: "a" }, { initrd: bzImage }, /has no file \/bzImage; /],
    [
      "with something else as its kernel",
      { commit: "b" },
      { bzImage: new Uint8Array(9) },
      /is no kernel for/,
    ],
    [
      "that the kernel refuses",
      { "org.opencontainers.image.revision": "c" },
      { bzImage: imitation() },
      /Cannot load the next kernel: ENOEXEC; /,
    ],
    [
      "with an empty initrd",
      { commit: "d" },
      { bzImage, initrd: new Uint8Array() },
      /\/initrd is empty; /,
    ],
  ];
  for (const [what, labels, files, reason] of unusable) {
    await t.step(`an image ${what} changes nothing`, async () => {
      await push(labels, files);
      await guest.waitForLine(reason);
    });
  }

  await t.step("no container has noticed any of that", () => {
    assert.deepEqual(guest.lines.filter((line) => /ready ends| gets TERM/.test(line)), []);
  });

  let digest: string;
  await t.step("one that can be loaded is started, when all containers have ended", async () => {
    const before = guest.lines.length;
    // It says to be another one than the image does: it must not be taken for something new again.
    digest = await push({ commit: "two" }, {
      bzImage,
      initrd: await systemOfCommit("three"),
    });
    await guest.waitForLine(/ Stopping, as the upgrade to two asks/, before);
    await guest.waitForLine(/ web\| ready ends$/, before);
    await guest.waitForLine(/ shutdown: Next kernel$/, before);
  });

  await t.step("the next system runs the container again, and stays", async () => {
    const before = guest.lines.findIndex((line) => / shutdown: Next kernel$/.test(line));
    await guest.waitForLine(new RegExp(` boot: System: commit three of image ${digest} `), before);
    await guest.waitForLine(/ web\| ready$/, before);
    // Several looks at the registry later:
    world.registry.log.length = 0;
    const looks = () => world.registry.log.filter(({ path }) => path.includes("/system/")).length;
    while (looks() < 3) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(guest.lines.slice(before + 1).filter((line) => / Stopping, /.test(line)), []);
  });
});

Deno.test("a machine that permits no kexec, and has a fixed address, starts its containers all the same, and says why it is not upgraded", async () => {
  const { world: created, push } = await upgradeWorld();
  await using world = created;
  await push({ commit: "two" }, { bzImage: await Deno.readFile(APPLIANCE.kernel) });
  const address = "ip=10.77.0.50::10.77.0.1:255.255.255.0:::off:10.77.0.1";
  await using guest = world.boot({ words: ["sysctl.kernel.kexec_load_disabled=1", address] });
  await guest.waitForLine(/ boot: Network: eth0 has 10\.77\.0\.50\/24, gateway 10\.77\.0\.1/);
  await guest.waitForLine(/ web\| ready$/);
  const line = await guest.waitForLine(/ error +upgrade: /);
  assert.match(line, /Cannot load the next kernel: EPERM; this system goes on$/);
});
