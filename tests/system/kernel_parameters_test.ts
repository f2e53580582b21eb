/** Kernel parameters of the configuration, in namespaces of the test's own. Needs root. */
import assert from "node:assert/strict";
import { FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { eventually } from "../support/frontloader.ts";

/** Parameters that are a namespace's, so that those of the machine stay as they are. */
const NAMESPACES = ["unshare", "--uts", "--net"];

Deno.test("kernel parameters are set at the start, told of where that fails, and set again when they change", async () => {
  await using fixture = new FrontloaderFixture();
  const configure = (sysctl: Record<string, string>) => fixture.configure({ sysctl });
  configure({
    "kernel.hostname": "shop",
    "net/core/somaxconn": "100",
    "kernel.no_such_parameter": "1",
    "net.core.xfrm_larval_drop": "many",
  });
  await using frontloader = fixture.start({}, { prefix: NAMESPACES });
  const inside = (name: string) =>
    new Deno.Command("nsenter", {
      args: ["--uts", "--net", "--target", `${frontloader.pid}`, "cat", `/proc/sys/${name}`],
    }).output().then(({ stdout }) => new TextDecoder().decode(stdout).trim());
  await frontloader.waitForLine(/xfrm_larval_drop/);
  assert.equal(await inside("kernel/hostname"), "shop");
  assert.equal(await inside("net/core/somaxconn"), "100");
  const { configuration } = await frontloader.askStatus();
  assert.deepEqual(configuration.problems, [
    'Cannot set the kernel parameter "kernel.no_such_parameter": this machine\'s kernel has none of that name',
    'Cannot set the kernel parameter "net.core.xfrm_larval_drop": Cannot write to "/proc/sys/net/core/xfrm_larval_drop": EINVAL',
  ]);
  assert.match(await frontloader.ask("status"), /^ {2}Cannot set .*"kernel\.no_such_parameter"/m);

  configure({ "net.core.somaxconn": "200" });
  Deno.kill(frontloader.pid, "SIGHUP");
  await eventually(
    "the new value",
    async () => await inside("net/core/somaxconn") === "200" || undefined,
  );
  assert.equal(await inside("kernel/hostname"), "shop");
  assert.deepEqual((await frontloader.askStatus()).configuration.problems, []);
});

Deno.test("a container finds the kernel parameters set, though one before them could not be", async () => {
  await using fixture = new FrontloaderFixture();
  await fixture.push("web", untilTerm("on $(cat /proc/sys/kernel/hostname)"));
  fixture.configure({
    sysctl: { "kernel.no_such_parameter": "1", "kernel.hostname": "set-before" },
    container: { id: "web", manifest: fixture.image("web") },
  });
  // The registry is on the machine's loopback.
  await using frontloader = fixture.start({}, { prefix: ["unshare", "--uts"] });
  await frontloader.waitForLine(/ web\| on set-before$/);
  await frontloader.waitForLine(/ error +supervisor: Cannot set .*"kernel\.no_such_parameter"/, 0);
});
