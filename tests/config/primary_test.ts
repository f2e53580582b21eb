import assert from "node:assert/strict";
import type * as v from "valibot";
import { container as containerDefinition } from "../../src/config/container_definition.ts";
import { metadataOf } from "../../src/config/definition.ts";
import { parsePrimary } from "../../src/config/parse.ts";
import { primary } from "../../src/config/primary_definition.ts";
import { parseReference } from "../../src/registry/reference.ts";
import { problemsOf } from "./problems.ts";

/** JSON of a value; a number or string that JavaScript cannot hold is given as raw text. */
class Raw {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

const raw = (text: string) => new Raw(text);

function json(value: unknown): string {
  return value instanceof Raw ? `${value}` : JSON.stringify(value);
}

interface Cases {
  /** Values that are valid. */
  readonly good: readonly unknown[];
  /** Values that are not, with what is said of them behind the file, line and column. */
  readonly bad: readonly (readonly [value: unknown, ...problems: string[]])[];
}

const idProblem = "expected a whole number from 0 to 4294967294, found";
const ids = (key: string): Cases => ({
  good: [0, 1, 1000, 4294967294, raw("-0"), raw("1e3")],
  bad: [
    ["33", `${key}: ${idProblem} "33"`],
    [-1, `${key}: ${idProblem} -1`],
    [4294967295, `${key}: ${idProblem} 4294967295`],
    [1.5, `${key}: ${idProblem} 1.5`],
    [null, `${key}: ${idProblem} null`],
    [[1], `${key}: ${idProblem} a list`],
    [{}, `${key}: ${idProblem} an object`],
    [true, `${key}: ${idProblem} true`],
    [raw("1e999"), `${key}: ${idProblem} 1e999`],
    [raw("9".repeat(50)), `${key}: ${idProblem} a very long number`],
  ],
});

const flag = (key: string): Cases => ({
  good: [true, false],
  bad: [
    ["yes", `${key}: expected true or false, found "yes"`],
    [1, `${key}: expected true or false, found 1`],
    [null, `${key}: expected true or false, found null`],
  ],
});

const insidePath = 'an absolute path below "/", without ".", ".." and empty components';
const mountPath = `${insidePath}, and not in "/proc"`;
const tmpfsPath = `${insidePath}, and not "/dev" or in "/proc" or "/sys"`;
const filePath = `${insidePath}, and not in "/proc", "/sys" or "/dev"`;
const credentials = (key: string): Cases => ({
  good: [
    {},
    { username: "u", password: "p" },
    { type: "basic", username: "u", password: "p" },
    { type: "ecr" },
    { type: "ecr", region: "eu-west-1", machineRole: "shop-web" },
  ],
  bad: [
    [{ username: "u" }, `${key}.username: expected "password" beside it`],
    [{ password: "p" }, `${key}.password: expected "username" beside it`],
    [
      { username: "a:b", password: "" },
      `${key}.username: expected a user name without ":", found "a:b"`,
      `${key}.password: expected a password, found a string`,
    ],
    [
      { type: "ecr", username: "u", region: "Ireland" },
      `${key}.username: unknown key`,
      `${key}.region: expected the name of an AWS region, found "Ireland"`,
    ],
    [{ region: "eu-west-1" }, `${key}.region: unknown key`],
    [{ type: "Ecr" }, `${key}.type: expected "basic" or "ecr", found "Ecr", did you mean "ecr"?`],
    [
      { user: "u", password: "p" },
      `${key}.user: unknown key, did you mean "username"?`,
    ],
    ["u:p", `${key}: expected an object, found "u:p"`],
  ],
});

/** What is said of text that is no image reference. */
function complaintOf(text: string): string {
  try {
    parseReference(text);
  } catch (error) {
    return (error as Error).message;
  }
  assert.fail(text);
}

/** Values of keys that are not supported yet: `good` means that this is all that is said. */
const container: Readonly<Record<string, Cases>> = {
  id: {
    good: ["web", "a", "A1_.-", "x".repeat(63)],
    bad: ["", "-a", ".a", "a b", "a/b", "é", "x".repeat(64), "a\n"].map((
      value,
    ) => [
      value,
      `container.id: expected a name of at most 63 letters, digits, "_", "." and "-", found ${
        JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
      }`,
    ]),
  },
  manifest: {
    good: [
      "nginx",
      "team/app:1",
      "registry.example.com:5000/a/b:c",
      "http://127.0.0.1:5000/v2/a/manifests/b",
    ],
    bad: [
      [3, "container.manifest: expected a manifest URL or an image reference, found 3"],
      ...["a b", "", "a:", "https://u:hunter2@registry.example.com/v2/a/manifests/b"].map((
        text,
      ): [unknown, string] => [text, `container.manifest: ${complaintOf(text)}`]),
      [
        raw('"a\\u0000"'),
        'container.manifest: expected a manifest URL or an image reference without NUL characters, found "a\\u0000"',
      ],
    ],
  },
  command: {
    good: ["exec server", ["/bin/server"], ["server", "", "x y"]],
    bad: [
      ["", 'container.command: expected a command, found ""'],
      [[], "container.command: expected a list of strings that is not empty, found an empty list"],
      [
        ["", "x"],
        "container.command: expected a list of strings that begins with a program, found a list",
      ],
      [
        ["a", 1, null],
        "container.command[1]: expected a string, found 1",
        "container.command[2]: expected a string, found null",
      ],
      [
        ["a", "b\0"],
        'container.command[1]: expected a string without NUL characters, found "b\\u0000"',
      ],
      [
        ["a", "\ud800"],
        'container.command[1]: expected a string without unpaired surrogates, found "\\ud800"',
      ],
      [
        "x".repeat(131_072),
        `container.command: expected a command of at most 131071 bytes, found "${"x".repeat(60)}…"`,
      ],
      [{}, "container.command: expected a string or a list of strings, found an object"],
      [true, "container.command: expected a string or a list of strings, found true"],
    ],
  },
  uid: ids("container.uid"),
  gid: ids("container.gid"),
  groups: {
    good: [[], [0], [1, 2, 4294967294]],
    bad: [
      [3, "container.groups: expected a list of group ids, found 3"],
      [
        [1, "2", -3],
        `container.groups[1]: ${idProblem} "2"`,
        `container.groups[2]: ${idProblem} -3`,
      ],
      [
        Array(65_537).fill(1),
        "container.groups: expected a list of at most 65536 group ids, found a list",
      ],
    ],
  },
  capabilities: {
    good: [[], ["NET_BIND_SERVICE"], ["CAP_SYS_NICE", "CHECKPOINT_RESTORE", "SYS_NICE"]],
    bad: [
      [
        "NET_RAW",
        'container.capabilities: expected a list of names of Linux capabilities, found "NET_RAW"',
      ],
      [
        ["net_bind_service", "CAP_NOTHING_LIKE_IT", 3],
        'container.capabilities[0]: expected the name of a Linux capability such as NET_BIND_SERVICE, found "net_bind_service", did you mean "NET_BIND_SERVICE"?',
        'container.capabilities[1]: expected the name of a Linux capability such as NET_BIND_SERVICE, found "CAP_NOTHING_LIKE_IT"',
        "container.capabilities[2]: expected the name of a Linux capability such as NET_BIND_SERVICE, found 3",
      ],
    ],
  },
  mounts: {
    good: [{}, { "/data": "/srv" }, { "/a/..b/.c": "/srv/*/[ab]?", "/a b": "/" }],
    bad: [
      [
        [],
        "container.mounts: expected an object of paths in the container, each with a path of the machine, found an empty list",
      ],
      ...[
        "",
        "/",
        "data",
        "./data",
        "/data/",
        "//data",
        "/a//b",
        "/a/../b",
        "/a/..",
        "/.",
        "/a/./b",
        "/proc",
        "/proc/sys/kernel",
      ].map((
        path,
      ): [unknown, string] => [
        { [path]: "/srv" },
        `container.mounts${
          /^\w+$/.test(path) ? `.${path}` : `["${path}"]`
        }: expected ${mountPath}, found "${path}"`,
      ]),
      [
        { "/a\0": "/b" },
        `container.mounts["/a\\u0000"]: expected ${mountPath} without NUL characters, found "/a\\u0000"`,
      ],
      [
        { "/a": "srv", "/b": 3, "/c": "/srv\0", "/d": "" },
        'container.mounts["/a"]: expected an absolute path, found "srv"',
        'container.mounts["/b"]: expected an absolute path, found 3',
        'container.mounts["/c"]: expected an absolute path without NUL characters, found "/srv\\u0000"',
        'container.mounts["/d"]: expected an absolute path, found ""',
      ],
      [
        { "/a": `/${"x".repeat(4095)}` },
        `container.mounts["/a"]: expected an absolute path of at most 4095 bytes, found "/${
          "x".repeat(59)
        }…"`,
      ],
    ],
  },
  environment: {
    good: [
      {},
      { A: "", b: "x=y", "1": "é", "A B": "\n" },
      { A: 1, B: -1.5, C: true, D: false, E: [1, null], F: { a: { b: null } } },
      raw('{"__proto__": "a", "constructor": 1, "toString": {"__proto__": []}}'),
    ],
    bad: [
      [[], "container.environment: expected an object of variables, found an empty list"],
      [
        { A: null },
        "container.environment.A: expected a string, a number, true, false, a list or an object, found null",
      ],
      [
        { "": "x", "A=B": "y" },
        'container.environment[""]: expected the name of a variable, without "=", found ""',
        'container.environment["A=B"]: expected the name of a variable, without "=", found "A=B"',
      ],
      [
        { A: "x\0" },
        "container.environment.A: expected a string without NUL characters, found a string",
      ],
      [
        raw('{"A": "\\udc00"}'),
        "container.environment.A: expected a string without unpaired surrogates, found a string",
      ],
      [
        raw('{"A": 1e999, "B": [9007199254740993], "C": {"d": -1e400}}'),
        ...["A", "B[0]", "C.d"].map((key) =>
          `container.environment.${key}: expected a number of at most 2^53 - 1 (as a string it may be larger), found a number`
        ),
      ],
      [
        raw('{"A": {"b": 1, "b": 2}}'),
        "container.environment.A.b: duplicate key, line 1 has it already",
      ],
    ],
  },
  docker: credentials("container.docker"),
  hostname: {
    good: ["web", "web-1.example.com", "a", "a_b", "x".repeat(64)],
    bad: ["", "-a", "a-", "a b", "é", "x".repeat(65), "a/b"].map((value) => [
      value,
      `container.hostname: expected a host name of at most 64 letters, digits, "-", "_" and ".", found ${
        JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
      }`,
    ]),
  },
  stopDelay: {
    good: [0, 5, 604800],
    bad: [-1, 604801, 0.5].map((value) => [
      value,
      `container.stopDelay: expected a whole number from 0 to 604800, found ${value}`,
    ]),
  },
  disabled: {
    good: [true, false],
    bad: [["false", 'container.disabled: expected true or false, found "false"']],
  },
  readOnly: flag("container.readOnly"),
  init: flag("container.init"),
  hostPid: flag("container.hostPid"),
  seccomp: {
    good: [true, false],
    bad: [["off", 'container.seccomp: expected true or false, found "off"']],
  },
  logEnvironment: flag("container.logEnvironment"),
  stopBeforeStart: {
    good: [true, false],
    bad: [["yes", 'container.stopBeforeStart: expected true or false, found "yes"']],
  },
  finalSignal: {
    good: ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH"],
    bad: [
      [
        "Term",
        'container.finalSignal: expected "TERM", "INT", "QUIT", "HUP", "USR1", "USR2" or "WINCH", found "Term", did you mean "TERM"?',
      ],
    ],
  },
  stopTimeout: {
    // Good ones need another key beside them: see below.
    good: [],
    bad: [
      [
        0,
        'container.stopTimeout: means something only beside "stopBeforeStart": true',
        "container.stopTimeout: expected a whole number from 1 to 604800, found 0",
      ],
      [30, 'container.stopTimeout: means something only beside "stopBeforeStart": true'],
    ],
  },
  tmpfs: {
    good: [[], ["/run", { path: "/var/tmp" }, { path: "/x", size: "64M" }], [
      "/dev/shm",
      "/process",
      "/system",
      "/device",
    ]],
    bad: [
      [
        ["run", { size: 0 }],
        `container.tmpfs[0]: expected ${tmpfsPath}, found "run"`,
        `container.tmpfs[1]: missing key "path", expected ${tmpfsPath}`,
        "container.tmpfs[1].size: expected a whole number from 1 to 9007199254740991, found 0",
      ],
      ...["/proc", "/sys/fs", "/dev"].map((path): [unknown, string] => [
        [path],
        `container.tmpfs[0]: expected ${tmpfsPath}, found "${path}"`,
      ]),
    ],
  },
  files: {
    good: [{ "/etc/motd": "hello", "/etc/x": { contents: "", uid: 1, gid: 1, mode: "0600" } }],
    bad: [
      [
        { "etc": "", "/x": { mode: "0800" } },
        `container.files.etc: expected ${filePath}, found "etc"`,
        'container.files["/x"]: missing key "contents", expected the contents of the file',
        'container.files["/x"].mode: expected permissions in octal such as "0644", found a string',
      ],
      ...["/proc/x", "/sys", "/dev/shm/x"].map((path): [unknown, string] => [
        { [path]: "" },
        `container.files["${path}"]: expected ${filePath}, found "${path}"`,
      ]),
    ],
  },
  limits: {
    good: [{}, { filedescriptors: 1024, memory: "512M", cpu: 0.5, pids: 100 }, { memory: 1e9 }],
    bad: [
      [
        { filedescriptors: 0, memory: "1 GB", cpu: 0, pids: 1.5, cpus: 1 },
        "container.limits.filedescriptors: expected a whole number from 1 to 2147483584, found 0",
        'container.limits.memory: expected bytes as a number, or a text such as "512M", found "1 GB"',
        "container.limits.cpu: expected a number of CPUs from 0.01 to 8192, found 0",
        "container.limits.pids: expected a whole number from 1 to 4194304, found 1.5",
        'container.limits.cpus: unknown key, did you mean "cpu"?',
      ],
    ],
  },
  cron: {
    good: [[], [{ schedule: "0 3 * * *", command: ["a"] }], [
      { schedule: "@daily", command: "a", lock: "l" },
    ]],
    bad: [
      [
        [{ schedule: "0 3 * *", command: [], lock: "" }, {}],
        'container.cron[0].schedule: expected a schedule of five fields, found "0 3 * *"',
        "container.cron[0].command: expected a list of strings that is not empty, found an empty list",
        'container.cron[0].lock: expected the name of a lock, found ""',
        'container.cron[1]: missing key "schedule", expected a schedule of five fields',
        'container.cron[1]: missing key "command", expected a string or a list of strings',
      ],
      [
        [{ schedule: "@reboot", command: "a" }],
        'container.cron[0].schedule: expected a schedule of five fields, found "@reboot"',
      ],
      ...[
        ["60 * * * *", "Invalid value for minute: 60"],
        ["* * * * mo", "configuration entry 5 (mo) contains illegal characters."],
        ["*/0 * * * *", "Syntax error, illegal stepping: 0"],
        ["0 0 31 2 *", "it never comes"],
      ].map(([schedule, why]): [unknown, string] => [
        [{ schedule, command: "a" }],
        `container.cron[0].schedule: expected a schedule, found "${schedule}": ${why}`,
      ]),
    ],
  },
};

const seconds = (key: string): Cases => ({
  good: [1, 600, 604800],
  bad: [0, -1, 604801, 1.5, "60"].map((value) => [
    value,
    `${key}: expected a whole number from 1 to 604800, found ${JSON.stringify(value)}`,
  ]),
});

const top: Readonly<Record<string, Cases>> = {
  $schema: {
    good: ["https://example.com/x.json", "../x.json"],
    bad: [[1, "$schema: expected the URL or path of a JSON Schema, found 1"]],
  },
  docker: credentials("docker"),
  checkInterval: seconds("checkInterval"),
  reloadInterval: seconds("reloadInterval"),
  container: {
    good: [{ manifest: "nginx" }],
    bad: [
      [{}, 'container: missing key "manifest", expected a manifest URL or an image reference'],
      [[], "container: expected an object, found an empty list"],
      ["nginx", 'container: expected an object, found "nginx"'],
    ],
  },
  containers: {
    good: [[], [{ id: "a", manifest: "nginx" }, { id: "b", manifest: "nginx" }]],
    bad: [
      [{}, "containers: expected a list of containers, found an object"],
      [
        [{ manifest: "nginx" }],
        'containers[0]: missing key "id", expected a name of at most 63 letters, digits, "_", "." and "-"',
      ],
      [
        ["a", "b", "a", "a"].map((id) => ({ id, manifest: "nginx" })),
        'containers[2].id: expected another "id" than that of containers[0], found "a"',
        'containers[3].id: expected another "id" than that of containers[0], found "a"',
      ],
      [
        [{ name: "a", image: "nginx" }],
        'containers[0].name: unknown key, did you mean "id"?',
        'containers[0].image: unknown key, did you mean "manifest"?',
      ],
    ],
  },
  kernel: {
    good: [{ manifest: "a/b", cmdline: "quiet", docker: { username: "u", password: "p" } }],
    bad: [
      [
        { cmdline: "a\nb", docker: { type: "ecr" } },
        'kernel: missing key "manifest", expected a manifest URL or an image reference',
        'kernel.cmdline: expected one line of text, found "a\\nb"',
      ],
    ],
  },
  volumes: {
    good: [[], [{
      path: "/srv",
      device: "LABEL=x",
      fstype: "xfs",
      options: "a,b",
      uid: 1,
      gid: 1,
      format: "ifBlank",
    }, { path: "/srv/b", device: "sdf", fstype: "xfs" }]],
    bad: [
      [
        [{ path: "srv", device: "", fstype: "ext4", uid: -1, format: "always" }],
        'volumes[0].path: expected an absolute path below "/", without ".", ".." and empty components, and not in "/proc", "/sys" or "/dev", found "srv"',
        'volumes[0].device: expected a device or an NFS export, found ""',
        'volumes[0].fstype: expected "xfs" or "nfs4", found "ext4"',
        `volumes[0].uid: ${idProblem} -1`,
        'volumes[0].format: expected "never" or "ifBlank", found "always"',
      ],
      [
        ["/a", "/", "/a/", "/b/../c"].map((path) => ({ path, device: "/dev/x", fstype: "xfs" })),
        ...[["/", 1], ["/a/", 2], ["/b/../c", 3]].map(([path, index]) =>
          `volumes[${index}].path: expected an absolute path below "/", without ".", ".." and empty components, and not in "/proc", "/sys" or "/dev", found "${path}"`
        ),
      ],
      [
        ["/a", "/b", "/a"].map((path) => ({ path, device: "/dev/x", fstype: "xfs" })),
        'volumes[2].path: expected another "path" than that of volumes[0], found "/a"',
      ],
    ],
  },
  sysctl: {
    good: [{}, { "net.core.somaxconn": "4096", "net.ipv4.conf.eth0/1.forwarding": "1" }, {
      "net/ipv4/conf/eth0.1/forwarding": "",
    }],
    bad: [
      [
        { "vm.swappiness": 1, "x y": "1" },
        'sysctl["vm.swappiness"]: expected a string, found 1',
        'sysctl["x y"]: expected the name of a kernel parameter, found "x y"',
      ],
      [
        { "../sysrq-trigger": "", "kernel/../../x": "", "a": "", "/vm/swappiness": "", "a..b": "" },
        ...["../sysrq-trigger", "kernel/../../x", "a", "/vm/swappiness", "a..b"].map((key) =>
          `sysctl${
            key === "a" ? ".a" : `["${key}"]`
          }: expected the name of a kernel parameter, found "${key}"`
        ),
      ],
    ],
  },
  syslog: {
    good: [
      [{ host: "logs.example.com", port: 6514, tls: true, level: "debug" }],
      [{ host: "::1", transport: "udp", tls: false }, { host: "10.0.0.1", transport: "tcp" }],
      [{ host: "logs.example.com", transport: "tcp", tls: true }],
    ],
    bad: [
      [
        [{ port: 65_536, tls: 1, level: "warn" }],
        'syslog[0]: missing key "host", expected a host name or an address',
        "syslog[0].port: expected a whole number from 1 to 65535, found 65536",
        "syslog[0].tls: expected true or false, found 1",
        'syslog[0].level: expected "emerg", "alert", "crit", "err", "warning", "notice", "info" or "debug", found "warn"',
      ],
      [
        [{ host: "h", transport: "tls" }, { host: "h", protocol: "tcp" }],
        'syslog[0].transport: expected "udp" or "tcp", found "tls"',
        'syslog[1].protocol: unknown key, did you mean "transport"?',
      ],
      [
        [{ host: "h", tls: true, transport: "udp" }, { host: "h", transport: "udp", tls: true }],
        'syslog[0].transport: "udp" is not possible beside "tls": true',
        'syslog[1].tls: true is not possible beside "transport": "udp"',
      ],
    ],
  },
};

function inContainer(key: string, value: unknown): string {
  const manifest = key === "manifest" ? "" : '"manifest": "nginx", ';
  return `{"container": {${manifest}"${key}": ${json(value)}}}`;
}

function inTop(key: string, value: unknown): string {
  return `{"${key}": ${json(value)}}`;
}

const tables = [
  { name: "container", entries: containerDefinition.entries, cases: container, write: inContainer },
  { name: "primary", entries: primary.entries, cases: top, write: inTop },
];

for (const { name, entries, cases, write } of tables) {
  Deno.test(`every key of the ${name} configuration is tested`, () => {
    assert.deepEqual(Object.keys(cases).sort(), Object.keys(entries).sort());
  });

  for (const [key, { good, bad }] of Object.entries(cases)) {
    const path = name === "container" ? `container.${key}` : key;
    const entry = (entries as v.ObjectEntries)[key]!;
    const always = metadataOf(entry).notYet === true ? [`${path}: not supported yet`] : [];

    Deno.test(`${path} takes what is valid`, () => {
      for (const value of good) {
        const problems = problemsOf(() => parsePrimary(write(key, value), "f"));
        assert.deepEqual(problems.map(withoutPlace), always, json(value));
      }
    });

    Deno.test(`${path} refuses what is not valid, and says why`, () => {
      assert.notEqual(bad.length, 0);
      for (const [value, ...expected] of bad) {
        const problems = problemsOf(() => parsePrimary(write(key, value), "f"));
        assert.deepEqual(problems.map(withoutPlace), [...always, ...expected], json(value));
      }
    });
  }
}

function withoutPlace(problem: string): string {
  return problem.replace(/^f:\d+:\d+: /, "");
}

const replacing: readonly [keys: string, ...problems: string[]][] = [
  ['"stopBeforeStart": true, "stopTimeout": 1'],
  ['"stopTimeout": 604800, "stopBeforeStart": true'],
  ['"stopBeforeStart": false, "stopDelay": 1'],
  [
    '"stopBeforeStart": false, "stopTimeout": 1',
    'f:1:63: container.stopTimeout: means something only beside "stopBeforeStart": true',
  ],
  [
    '"stopBeforeStart": true, "stopDelay": 5',
    'f:1:62: container.stopDelay: not possible beside "stopBeforeStart": true',
  ],
  [
    '"stopBeforeStart": 1, "stopTimeout": 1, "stopDelay": 1',
    "f:1:56: container.stopBeforeStart: expected true or false, found 1",
  ],
];

for (const [keys, ...expected] of replacing) {
  Deno.test(`how instances replace each other ${expected.length ? "cannot" : "can"} be ${keys}`, () => {
    const problems = problemsOf(() =>
      parsePrimary(`{"container": {"manifest": "nginx", ${keys}}}`, "f")
    );
    assert.deepEqual(problems, expected);
  });
}
