import assert from "node:assert/strict";
import { parsePrimary } from "../../src/config/parse.ts";
import type { ContainerSettings } from "../../src/config/settings.ts";

/** The settings of the one container with the given keys. */
function settingsOf(keys: string): ContainerSettings {
  return parsePrimary(`{"container": {"manifest": "nginx", ${keys}}}`, "f").containers[0]!;
}

Deno.test("an empty configuration is valid, and runs nothing", () => {
  assert.deepEqual(parsePrimary("{}", "f"), {
    containers: [],
    volumes: [],
    checkInterval: 600,
    reloadInterval: 300,
    syslog: [],
    sysctl: {},
  });
});

Deno.test("volumes are what their keys say; what a server exports is not formatted", () => {
  const text = `{"volumes": [
    {"path": "/a", "device": "sdf", "fstype": "xfs"},
    {"path": "/b", "device": "LABEL=b", "fstype": "xfs", "options": "ro", "uid": 1, "gid": 2, "format": "ifBlank"},
  ]}`;
  assert.deepEqual(parsePrimary(text, "f").volumes, [
    { path: "/a", device: "sdf", fstype: "xfs", options: "", format: "never" },
    {
      path: "/b",
      device: "LABEL=b",
      fstype: "xfs",
      options: "ro",
      uid: 1,
      gid: 2,
      format: "ifBlank",
    },
  ]);
});

Deno.test("a target of the log has a transport and the port that belongs to it", () => {
  const rows = [
    [{ host: "h" }, { transport: "udp", port: 514 }],
    [{ host: "h", transport: "udp", tls: false }, { transport: "udp", port: 514 }],
    [{ host: "h", transport: "tcp" }, { transport: "tcp", port: 514 }],
    [{ host: "h", tls: true }, { transport: "tls", port: 6514 }],
    [{ host: "h", tls: true, transport: "tcp", port: 1 }, { transport: "tls", port: 1 }],
  ];
  const { syslog } = parsePrimary(JSON.stringify({ syslog: rows.map(([target]) => target) }), "f");
  assert.deepEqual(
    syslog,
    rows.map(([, expected]) => ({ host: "h", level: "info", ...expected })),
  );
});

Deno.test("a container has defaults for everything but its manifest", () => {
  assert.deepEqual(settingsOf(""), {
    id: "container",
    image: { origin: "https://registry-1.docker.io", repository: "library/nginx", tag: "latest" },
    uid: 0,
    gid: 0,
    groups: [0],
    seccomp: true,
    readOnly: true,
    init: true,
    hostPid: false,
    logEnvironment: false,
    limits: {},
    tmpfs: [],
    files: [],
    mounts: [],
    environment: {},
    finalSignal: "TERM",
    stopBeforeStart: false,
    stopDelay: 0,
    cron: [],
    disabled: false,
  });
});

Deno.test("a container's settings are what its keys say, in one form", () => {
  const settings = settingsOf(`
    "id": "web", "command": ["a", "b"], "uid": 1, "gid": 2, "groups": [3], "hostname": "h",
    "capabilities": ["SYS_NICE", "CAP_CHOWN", "CHOWN"], "mounts": {"/b": "/y:ro", "/a": "/x"},
    "docker": {"username": "u", "password": "p"}, "stopDelay": 4, "disabled": true,
    "seccomp": false, "readOnly": false, "init": false, "hostPid": true, "logEnvironment": true,
    "finalSignal": "USR1",
    "limits": {"filedescriptors": 6, "memory": "2G", "cpu": 1.5, "pids": 7},
    "cron": [
      {"schedule": "@daily", "command": ["a", "b"]},
      {"schedule": "* * * * *", "command": "a b", "lock": "l"}
    ],
    "tmpfs": ["/run", {"path": "/a"}, {"path": "/b", "size": "3M"}, {"path": "/c", "size": 5}],
    "files": {"/d": "text", "/e": {"contents": "", "uid": 1, "gid": 2, "mode": "4750"}}`);
  assert.deepEqual(settings, {
    id: "web",
    image: { origin: "https://registry-1.docker.io", repository: "library/nginx", tag: "latest" },
    credentials: { username: "u", password: "p" },
    command: ["a", "b"],
    uid: 1,
    gid: 2,
    groups: [3],
    capabilities: ["CAP_CHOWN", "CAP_SYS_NICE"],
    seccomp: false,
    readOnly: false,
    init: false,
    hostPid: true,
    logEnvironment: true,
    limits: { filedescriptors: 6, memory: 2 * 1024 ** 3, cpu: 1.5, pids: 7 },
    tmpfs: [
      { path: "/run" },
      { path: "/a" },
      { path: "/b", size: 3 * 1024 * 1024 },
      { path: "/c", size: 5 },
    ],
    files: [
      { path: "/d", contents: "text", uid: 0, gid: 0, mode: 0o644 },
      { path: "/e", contents: "", uid: 1, gid: 2, mode: 0o4750 },
    ],
    mounts: [
      { inside: "/b", outside: "/y", readOnly: true },
      { inside: "/a", outside: "/x", readOnly: false },
    ],
    environment: {},
    hostname: "h",
    finalSignal: "USR1",
    stopBeforeStart: false,
    stopDelay: 4,
    cron: [
      { schedule: "@daily", command: ["a", "b"] },
      { schedule: "* * * * *", command: ["/bin/sh", "-c", "a b"], lock: "l" },
    ],
    disabled: true,
  });
});

Deno.test("an old instance that has to end first may have a time for it", () => {
  const { stopBeforeStart, stopTimeout, stopDelay } = settingsOf(
    '"stopBeforeStart": true, "stopTimeout": 9',
  );
  assert.deepEqual({ stopBeforeStart, stopTimeout, stopDelay }, {
    stopBeforeStart: true,
    stopTimeout: 9,
    stopDelay: 0,
  });
});

Deno.test("a command that is a string is run by a shell", () => {
  assert.deepEqual(settingsOf('"command": "a b"').command, ["/bin/sh", "-c", "a b"]);
});

Deno.test("the group is the only supplementary group unless some are given", () => {
  assert.deepEqual(settingsOf('"gid": 5').groups, [5]);
  assert.deepEqual(settingsOf('"gid": 5, "groups": []').groups, []);
});

Deno.test("-0 is 0", () => {
  assert.ok(Object.is(settingsOf('"uid": -0').uid, 0));
});

Deno.test("variables are strings as they are, and JSON of everything else", () => {
  const { environment } = settingsOf(`"environment": {
    "S": " x ", "N": 1.50, "Z": -0, "T": true, "L": [1, "a", null], "O": {"b": {"c": "\\u0000\\ud800"}},
    "__proto__": "p", "constructor": {"__proto__": 1}
  }`);
  assert.deepEqual(Object.entries(environment), [
    ["S", " x "],
    ["N", "1.5"],
    ["Z", "0"],
    ["T", "true"],
    ["L", '[1,"a",null]'],
    ["O", '{"b":{"c":"\\u0000\\ud800"}}'],
    ["__proto__", "p"],
    ["constructor", '{"__proto__":1}'],
  ]);
  assert.equal(Object.getPrototypeOf(environment), Object.prototype);
});

Deno.test("global credentials are for the containers that say nothing of theirs", () => {
  const { containers } = parsePrimary(
    `{
      "docker": {"username": "u", "password": "p"},
      "containers": [
        {"id": "a", "manifest": "x"},
        {"id": "b", "manifest": "x", "docker": {"username": "v", "password": "q"}},
        {"id": "c", "manifest": "x", "docker": {}},
      ],
    }`,
    "f",
  );
  assert.deepEqual(containers.map(({ credentials }) => credentials), [
    { username: "u", password: "p" },
    { username: "v", password: "q" },
    undefined,
  ]);
});

const ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

const ecrCases: readonly [
  what: string,
  docker: unknown,
  container: { image: string; docker?: unknown },
  credentials: unknown,
][] = [
  ["knows its region by its name", undefined, { image: `${ECR}/a`, docker: { type: "ecr" } }, {
    type: "ecr",
    region: "eu-west-1",
  }],
  ["has the region that is named", undefined, {
    image: `${ECR}/a`,
    docker: { type: "ecr", region: "us-east-1", machineRole: "r" },
  }, { type: "ecr", region: "us-east-1", machineRole: "r" }],
  ["of another name has none", undefined, { image: "h.example/a", docker: { type: "ecr" } }, {
    type: "ecr",
  }],
  ["gets the global way", { type: "ecr" }, { image: `${ECR}/a` }, {
    type: "ecr",
    region: "eu-west-1",
  }],
  ["of another name does not", { type: "ecr" }, { image: "nginx" }, undefined],
  ["of another name does if the region is named", { type: "ecr", region: "eu-west-1" }, {
    image: "h.example/a",
  }, { type: "ecr", region: "eu-west-1" }],
  ["may have a password of its own", { type: "ecr" }, {
    image: `${ECR}/a`,
    docker: { username: "u", password: "p" },
  }, { username: "u", password: "p" }],
];

for (const [what, docker, { image: manifest, ...container }, credentials] of ecrCases) {
  Deno.test(`with Amazon's registries: one that ${what}`, () => {
    const configuration = { docker, container: { manifest, ...container } };
    const { containers: [only] } = parsePrimary(JSON.stringify(configuration), "f");
    assert.deepEqual(only!.credentials, credentials);
  });
}

Deno.test("the system has its own image, with the global credentials unless it has its own", () => {
  const kernelOf = (keys: string) =>
    parsePrimary(
      `{"docker": {"username": "u", "password": "p"}, "kernel": {"manifest": "a.example/b:1"${keys}}}`,
      "f",
    ).kernel!;
  const { image, ...rest } = kernelOf("");
  assert.equal(image.repository, "b");
  assert.deepEqual(rest, { credentials: { username: "u", password: "p" } });
  assert.equal(kernelOf(', "docker": {}').credentials, undefined);
  assert.equal(kernelOf(', "cmdline": "quiet"').commandLine, "quiet");
  assert.equal(kernelOf(', "cmdline": ""').commandLine, "");
});
