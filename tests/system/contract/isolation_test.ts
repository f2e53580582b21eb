/**
 * A container of Frontloader beside one of runc that is set up as docker would: what differs has to stand in docs/isolation.md,
 * and what stands there has to differ. Needs root.
 */
import assert from "node:assert/strict";
import { commandText, runCommand } from "../../support/command.ts";
import { ConfiguredContainers } from "../../support/configured_containers.ts";

const PROBE = new URL("../../support/isolation_probe.sh", import.meta.url).pathname;
const PAGE = new URL("../../../docs/isolation.md", import.meta.url).pathname;

/** What docker gives root (moby, oci/caps/defaults.go). */
const DOCKER_CAPABILITIES = `
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE`
  .trim().split(" ").map((name) => `CAP_${name}`);

/** What docker hides besides what `runc spec` does (moby, oci/defaults.go). */
const DOCKER_MASKS = [
  "/proc/interrupts",
  "/sys/devices/virtual/powercap",
  ...Array.from(Deno.readDirSync("/sys/devices/system/cpu"), ({ name }) => name)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `/sys/devices/system/cpu/${name}/thermal_throttle`),
];

const namespaces = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]
  .map((name) => Deno.readLinkSync(`/proc/self/ns/${name}`)).join(" ");

Deno.test("docs/isolation.md lists every difference to a container of runc, and none that is not there", async () => {
  using containers = await ConfiguredContainers.create("busybox");
  // One after the other, since they would see each other's cgroups.
  const ours = await probeFrontloader(containers);
  const runcs = await probeRunc(containers);
  // What the machine itself changes meanwhile (a module that is loaded, a device that goes) is no difference.
  const oursLater = await probeFrontloader(containers);
  for (const facts of [ours, runcs]) assert(facts.size > 500, `${facts.size} facts`);

  const differences = [...new Set([...ours.keys(), ...runcs.keys()])]
    .filter((name) => ours.get(name) !== runcs.get(name) && ours.get(name) === oursLater.get(name))
    .map((name) => ({ name, runc: runcs.get(name) ?? "-", frontloader: ours.get(name) ?? "-" }));
  const rows = documentedDifferences();
  const unlisted = differences.filter((one) => !rows.some((row) => covers(row, one)));
  // What runc has there depends on the machine, so it may be the same.
  const stale = rows.filter(({ runc }) => runc !== "*")
    .filter((row) => !differences.some((one) => covers(row, one)));
  assert.deepEqual({ unlisted, stale }, { unlisted: [], stale: [] });
});

interface Difference {
  readonly name: string;
  readonly runc: string;
  readonly frontloader: string;
}

/** In the document, `*` stands for anything. */
function covers(row: Difference, one: Difference): boolean {
  return (["name", "runc", "frontloader"] as const).every((column) => {
    const parts = row[column].split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`).test(one[column]);
  });
}

/** The rows of the tables of the document whose first cell is a fact: `` | `NAME` | `RUNC` | `FRONTLOADER` | WHY | ``. */
function documentedDifferences(): Difference[] {
  return Deno.readTextFileSync(PAGE).split("\n")
    .map((line) => /^\| `([^`]+)` +\| `([^`]+)` +\| `([^`]+)` +\| (.+) \|$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name, runc, frontloader, why]) => {
      assert(why!.trim() !== "", `${name} needs a reason`);
      return { name: name!, runc: runc!, frontloader: frontloader! };
    });
}

type Facts = ReadonlyMap<string, string>;

async function probeFrontloader(containers: ConfiguredContainers): Promise<Facts> {
  const { stdout, stderr } = await containers.run(["/probe"], {
    settings: { environment: { MACHINE_NAMESPACES: namespaces, PATH: "/bin" } },
    layer: addProbe,
  });
  assert.deepEqual(stderr, []);
  return factsOf(stdout);
}

async function probeRunc(containers: ConfiguredContainers): Promise<Facts> {
  const bundle = `${containers.directory}/bundle`;
  Deno.mkdirSync(bundle);
  await runCommand(["cp", "-a", containers.treeDirectory("busybox"), `${bundle}/rootfs`]);
  addProbe(`${bundle}/rootfs`);
  await runCommand(["runc", "spec", "--bundle", bundle]);
  const file = `${bundle}/config.json`;
  Deno.writeTextFileSync(file, JSON.stringify(asDocker(JSON.parse(Deno.readTextFileSync(file)))));
  const state = `${containers.directory}/runc`;
  const id = `frontloader-test-${crypto.randomUUID()}`;
  return factsOf(
    (await commandText(["runc", "--root", state, "run", "--bundle", bundle, id])).split("\n"),
  );
}

/** Changes what `runc spec` proposes to what docker asks for, with the machine's network as Frontloader has it. */
// deno-lint-ignore no-explicit-any
function asDocker(spec: any): unknown {
  const { process, root, linux, hostname: _, ...others } = spec;
  const { rlimits: __, ...processSettings } = process;
  return {
    ...others,
    root: { ...root, readonly: false },
    process: {
      ...processSettings,
      terminal: false,
      args: ["/probe"],
      env: ["PATH=/bin", `MACHINE_NAMESPACES=${namespaces}`],
      noNewPrivileges: false,
      capabilities: {
        bounding: DOCKER_CAPABILITIES,
        effective: DOCKER_CAPABILITIES,
        permitted: DOCKER_CAPABILITIES,
      },
    },
    mounts: spec.mounts.map((mount: { destination: string }) =>
      mount.destination === "/proc" ? { ...mount, options: ["nosuid", "noexec", "nodev"] } : mount
    ),
    linux: {
      ...linux,
      namespaces: [
        ...linux.namespaces.filter(({ type }: { type: string }) => type !== "network"),
        { type: "cgroup" },
      ],
      maskedPaths: [...linux.maskedPaths, ...DOCKER_MASKS],
      // Stands for docker's profile, which runc does not come with: tests/container/seccomp and seccomp_test.ts look at ours.
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["kexec_load"], action: "SCMP_ACT_ERRNO" }],
      },
    },
  };
}

function addProbe(root: string): void {
  Deno.copyFileSync(PROBE, `${root}/probe`);
  Deno.chmodSync(`${root}/probe`, 0o755);
  for (const name of ["proc", "sys", "dev"]) Deno.mkdirSync(`${root}/${name}`);
}

function factsOf(lines: readonly string[]): Facts {
  return new Map(
    lines.filter((line) => line !== "").map((line) => {
      const colon = line.indexOf(": ");
      return colon === -1
        ? [line.replace(/:$/, ""), "nothing"]
        : [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
}
