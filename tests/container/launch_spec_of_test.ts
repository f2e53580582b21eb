import assert from "node:assert/strict";
import type { ContainerSettings } from "../../src/config/settings.ts";
import type { LaunchSpec } from "../../src/container/launch_spec.ts";
import { launchSpecOf } from "../../src/container/launch_spec_of.ts";
import type { ImageConfig } from "../../src/image/image_config.ts";
import { seccompFilter } from "../../src/container/seccomp/filter.ts";
import { containerSettings } from "../support/container_settings.ts";
import { fakeImage } from "../support/fake_containers.ts";

const place = {
  rootFs: "/tmp/root",
  init: "/usr/bin/tini-static",
  cgroup: undefined,
  environment: {},
};

function specOf(
  settings: Partial<ContainerSettings>,
  config: Partial<ImageConfig> = {},
): LaunchSpec {
  const image = fakeImage("a");
  return launchSpecOf({
    settings: containerSettings({ hostname: "web", ...settings }),
    image: { ...image, config: { ...image.config, entrypoint: [], cmd: ["/server"], ...config } },
  }, place);
}

Deno.test("a container is its settings over its image's configuration over the defaults", () => {
  const { env, files, seccomp, ...spec } = specOf(
    {
      uid: 7,
      gid: 8,
      groups: [8, 9],
      mounts: [{ inside: "/data", outside: "/tmp", readOnly: true }],
      environment: { A: "settings" },
    },
    { env: ["A=image", "B=image"], workingDir: "/srv" },
  );
  assert.deepEqual(spec, {
    rootFs: "/tmp/root",
    init: "/usr/bin/tini-static",
    readOnly: true,
    argv: ["/server"],
    cwd: "/srv",
    uid: 7,
    gid: 8,
    groups: [8, 9],
    capabilities: [],
    mounts: [{ inside: "/data", outside: "/tmp", readOnly: true }],
    tmpfs: [],
    finalSignal: "TERM",
    hostPid: false,
    cgroup: null,
    hostname: "web",
  });
  assert.equal(seccomp, seccompFilter([]));
  assert.deepEqual([env["A"], env["B"], env["HOME"]], ["settings", "image", "/"]);
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
  ]);
});

interface CommandRow {
  readonly name: string;
  readonly settings?: ContainerSettings["command"];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly argv: readonly string[];
}

const commands: readonly CommandRow[] = [
  { name: "Cmd", entrypoint: [], cmd: ["c", "1"], argv: ["c", "1"] },
  { name: "Entrypoint", entrypoint: ["e"], cmd: [], argv: ["e"] },
  {
    name: "Entrypoint with Cmd as its arguments",
    entrypoint: ["e", "1"],
    cmd: ["c"],
    argv: ["e", "1", "c"],
  },
  {
    name: "settings in place of both",
    settings: ["s"],
    entrypoint: ["e"],
    cmd: ["c"],
    argv: ["s"],
  },
];

for (const { name, settings, entrypoint, cmd, argv } of commands) {
  Deno.test(`a container runs its ${name}`, () => {
    assert.deepEqual(specOf({ command: settings }, { entrypoint, cmd }).argv, argv);
  });
}

Deno.test("a container of which nobody says what to run is an error that says where to", () => {
  assert.throws(
    () => specOf({}, { entrypoint: [], cmd: [] }),
    /^Error: Cannot start the container: neither its settings \("command"\) nor its image say/,
  );
});

Deno.test("a container without a working directory runs in the root directory", () => {
  assert.equal(specOf({}, { workingDir: "" }).cwd, "/");
});

Deno.test("root has the capabilities that docker gives but CAP_MKNOD, and nobody else has any", () => {
  const { capabilities } = specOf({ uid: 0 });
  assert.equal(capabilities.length, 13);
  for (const name of ["CAP_SYS_ADMIN", "CAP_MKNOD"]) assert(!capabilities.includes(name), name);
  assert.deepEqual(specOf({ uid: 1 }).capabilities, []);
});

Deno.test("capabilities that are given are all that there are, for root as for others", () => {
  for (const uid of [0, 1]) {
    assert.deepEqual(specOf({ uid, capabilities: ["CAP_SYS_NICE"] }).capabilities, [
      "CAP_SYS_NICE",
    ]);
    assert.deepEqual(specOf({ uid, capabilities: [] }).capabilities, []);
  }
});

Deno.test("system calls are filtered as the capabilities want it, and not at all without seccomp", () => {
  const capabilities = ["CAP_SYS_ADMIN"] as const;
  assert.equal(specOf({ capabilities }).seccomp, seccompFilter(capabilities));
  assert.notEqual(seccompFilter(capabilities), seccompFilter([]));
  assert.equal(specOf({ capabilities, seccomp: false }).seccomp, null);
});

Deno.test("a container without a host name keeps the machine's", () => {
  const real = Deno.hostname;
  Deno.hostname = () => "machine";
  try {
    const spec = specOf({ hostname: undefined });
    assert(!("hostname" in spec));
    assert.equal(spec.files.find(({ path }) => path === "/etc/hostname")!.contents, "machine\n");
  } finally {
    Deno.hostname = real;
  }
});

Deno.test("a launch says nothing of registry credentials", () => {
  const spec = specOf({ credentials: { username: "deploy", password: "s3cret" } });
  assert.doesNotMatch(JSON.stringify(spec), /s3cret|deploy/);
});
