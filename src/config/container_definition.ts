/** The definition of one container in the primary configuration. */
import * as v from "valibot";
import { CAPABILITIES } from "../container/capabilities.ts";
import { problemOf } from "../container/cron/schedule.ts";
import { DEFAULT_ROOT_CAPABILITIES } from "../container/default_capabilities.ts";
import { FINAL_SIGNALS } from "../container/final_signal.ts";
import {
  absolutePath,
  defaultKey,
  dictionary,
  exactNumber,
  flag,
  id,
  key,
  list,
  MAX_PATH,
  nonEmptyText,
  object,
  oneOf,
  optionalKey,
  pattern,
  text,
  wholeNumber,
} from "./definition.ts";
import { credentials, manifest } from "./image_definition.ts";
import { quote } from "./path.ts";

/** More groups than setgroups(2) takes (NGROUPS_MAX) cannot be. */
const MAX_GROUPS = 65_536;
/** The kernel's highest value for fs.nr_open, rounded down to whole words. */
const MAX_DESCRIPTORS = 2_147_483_584;
/** Files are for configuration; what is larger belongs in the image. */
const MAX_FILE = 1024 * 1024;
const WEEK = 7 * 24 * 60 * 60;

// Paths inside of a container are in one form only, so that two that differ are two places.

/** A mount in `/proc` would hide what is masked there, or lie to whoever asks the kernel. */
const mountPath = pattern(
  /^(?!\/proc(?:\/|$))(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/,
  'an absolute path below "/", without ".", ".." and empty components, and not in "/proc"',
  MAX_PATH,
);

/** What is put where the kernel's own file systems are mounted is not to be seen. */
export const imagePath = pattern(
  /^(?!\/(?:proc|sys|dev)(?:\/|$))(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/,
  'an absolute path below "/", without ".", ".." and empty components, and not in "/proc", "/sys" or "/dev"',
  MAX_PATH,
);

/** In `/dev` there may be one, but not in its place. */
const tmpfsPath = pattern(
  /^(?!\/(?:proc|sys)(?:\/|$)|\/dev$)(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/,
  'an absolute path below "/", without ".", ".." and empty components, and not "/dev" or in "/proc" or "/sys"',
  MAX_PATH,
);

/** Bytes, as a number or as people write them. */
const size = v.union([
  wholeNumber(1, Number.MAX_SAFE_INTEGER),
  pattern(/^[1-9][0-9]{0,8}[KMGT]$/, 'bytes as a number, or a text such as "512M"'),
], 'bytes as a number, or a text such as "512M"');

const argumentList = v.pipe(
  list(text("a string"), "a list of strings"),
  v.minLength(1, "a list of strings that is not empty"),
  v.check((words) => words[0] !== "", "a list of strings that begins with a program"),
);

const command = v.union([nonEmptyText("a command"), argumentList], "a string or a list of strings");

const capabilityNames = Object.keys(CAPABILITIES).flatMap((name) => [name.slice(4), name]);

const defaultCapabilities = DEFAULT_ROOT_CAPABILITIES.map((name) => name.slice(4)).join(", ");

const fileContents = text("the contents of the file", MAX_FILE);

const file = object({
  contents: key(fileContents, { description: "The text of the file." }),
  uid: defaultKey(id, 0, { description: "Who owns it." }),
  gid: defaultKey(id, 0, { description: "Which group owns it." }),
  mode: defaultKey(pattern(/^0?[0-7]{3,4}$/, 'permissions in octal such as "0644"'), "0644", {
    description: "Its permissions, in octal.",
  }),
});

const limits = object({
  filedescriptors: optionalKey(wholeNumber(1, MAX_DESCRIPTORS), {
    description:
      "Open files of each process, as the soft and the hard limit. Without this key 1024 and 524288, as systemd has it.",
    examples: [65536],
  }),
  memory: optionalKey(size, {
    description:
      "Memory of all processes together, what they write to a tmpfs included; nothing of it is swapped out. Where it does not suffice the kernel kills one of them.",
    examples: ["512M"],
  }),
  cpu: optionalKey(
    v.pipe(
      v.number("a number of CPUs from 0.01 to 8192"),
      v.minValue(0.01, "a number of CPUs from 0.01 to 8192"),
      v.maxValue(8192, "a number of CPUs from 0.01 to 8192"),
    ),
    { description: "How many CPUs the container may keep busy.", examples: [1.5] },
  ),
  pids: optionalKey(wholeNumber(1, 4_194_304), {
    description: "How many processes and threads there may be.",
    examples: [512],
  }),
});

const schedule = v.pipe(
  pattern(
    /^(?:@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)|\S+(?: +\S+){4})$/,
    "a schedule of five fields",
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const problem = problemOf(dataset.value);
    if (problem === undefined) return;
    addIssue({ message: `expected a schedule, found ${quote(dataset.value)}: ${problem}` });
  }),
);

const job = object({
  schedule: key(schedule, {
    description:
      "When: minute, hour, day of the month, month, day of the week; or `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`. In the time zone that the container's variable `TZ` names, UTC without it.",
    examples: ["0 3 * * *"],
  }),
  command: key(command, { description: "What is run, as `command` of the container." }),
  lock: optionalKey(nonEmptyText("the name of a lock"), {
    description:
      "Jobs of the container that name the same lock never run at the same time: what is due meanwhile is skipped. Without this key a job only does not run beside itself.",
  }),
});

/** One container. */
export const container = object({
  id: optionalKey(
    pattern(
      /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/,
      'a name of at most 63 letters, digits, "_", "." and "-"',
    ),
    {
      description:
        'The name of the container in logs, in `status` and for `update`. Every entry of `containers` has one of its own; a single `container` is called "container" unless it says otherwise.',
      examples: ["web"],
      alias: ["name"],
    },
  ),
  manifest: key(manifest, {
    description:
      "The image: the URL of its manifest in the registry, or an image reference as docker knows it.",
    examples: ["https://registry.example.com/v2/shop/web/manifests/stable", "nginx:1.27"],
    alias: ["image"],
  }),
  command: optionalKey(command, {
    description:
      "What is run: a string by the image's shell (`/bin/sh -c`), a list as it is. Without it the image's Entrypoint and Cmd.",
    examples: [["/usr/bin/server", "--port", "8080"], "exec server --port $PORT"],
    alias: ["cmd", "entrypoint"],
  }),
  uid: defaultKey(id, 0, {
    description: "The user that it runs as.",
    examples: [1000],
    alias: ["user"],
  }),
  gid: defaultKey(id, 0, {
    description: "The group that it runs as.",
    examples: [1000],
    alias: ["group"],
  }),
  groups: optionalKey(
    v.pipe(
      list(id, "a list of group ids"),
      v.maxLength(MAX_GROUPS, `a list of at most ${MAX_GROUPS} group ids`),
    ),
    {
      description: "Its supplementary groups. Without this key `gid` alone.",
      examples: [[1000, 27]],
    },
  ),
  capabilities: optionalKey(
    list(
      oneOf(capabilityNames, "the name of a Linux capability such as NET_BIND_SERVICE"),
      "a list of names of Linux capabilities",
    ),
    {
      description:
        `The Linux capabilities that it has, with or without \`CAP_\` in front. Without this key docker's default set but MKNOD if it runs as root (${defaultCapabilities}), none otherwise.`,
      examples: [["NET_BIND_SERVICE", "SYS_NICE"]],
    },
  ),
  mounts: defaultKey(
    dictionary(
      mountPath,
      key(absolutePath(), {
        description:
          "What of the machine is mounted there. With `*`, `?` or `[...]` in it, every match is mounted, by its name, in that directory. With `:ro` at the end it is read-only.",
        examples: ["/etc/ssl/shop/*.pem"],
      }),
      "an object of paths in the container, each with a path of the machine",
    ),
    {},
    {
      description: 'Bind mounts: `{ "INSIDE": "OUTSIDE" }`.',
      examples: [{ "/data": "/srv/web", "/dev/log": "/dev/log" }],
      alias: ["volumes", "binds"],
    },
  ),
  environment: defaultKey(
    dictionary(
      pattern(/^[^=]+$/, 'the name of a variable, without "="'),
      v.union(
        [
          text("a string"),
          exactNumber,
          v.boolean("true or false"),
          v.array(v.unknown(), "a list"),
          v.record(v.string(), v.unknown(), "an object"),
        ],
        "a string, a number, true, false, a list or an object",
      ),
      "an object of variables",
    ),
    {},
    {
      description:
        "Variables, on top of those of the image. Strings pass as they are; numbers, true, false, lists and objects as JSON. Values are never shown.",
      examples: [{ PORT: 8080, FEATURES: ["search", "export"] }],
      secret: true,
      alias: ["env"],
    },
  ),
  docker: optionalKey(credentials, {
    description:
      "Credentials for this container's registry in place of the global ones; `{}` for none.",
    examples: [{ username: "deploy", password: "secret" }],
  }),
  hostname: optionalKey(
    pattern(
      /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/,
      'a host name of at most 64 letters, digits, "-", "_" and "."',
    ),
    { description: "Its host name. Without this key the machine's.", examples: ["web-1"] },
  ),
  stopDelay: defaultKey(wholeNumber(0, WEEK), 0, {
    description:
      "Seconds that the old instance keeps running after the new one has started; not with `stopBeforeStart`.",
    examples: [5],
  }),
  disabled: defaultKey(flag(), false, {
    description: "Keeps the container in the configuration, but does not run it.",
    examples: [true],
  }),
  readOnly: defaultKey(flag(), true, {
    description:
      "Whether the root file system is read-only. A writable one is in memory, takes at most half of it, and ends with the instance.",
  }),
  init: defaultKey(flag(), true, {
    description:
      "Whether a small init runs as process 1, passes signals on and reaps. Without it the program is process 1: it has to handle TERM, which the kernel drops otherwise.",
  }),
  hostPid: defaultKey(flag(), false, {
    description:
      "Whether it sees the machine's processes, and can send them signals if its user and capabilities let it.",
  }),
  seccomp: defaultKey(flag(), true, {
    description:
      "Whether it can make only those system calls that docker's default profile lets through, given its capabilities.",
    examples: [false],
  }),
  logEnvironment: defaultKey(flag(), false, {
    description:
      "Whether the environment is logged at start. Left out are the values of names such as `*KEY`, `*TOKEN*`, `*PASS*`, `*SECRET*`, `*CREDENTIAL*` and `*AUTH*`, and what looks like a secret within other values.",
  }),
  stopBeforeStart: defaultKey(flag(), false, {
    description:
      "Whether the old instance ends before the new one starts, so that two never run at the same time. The new image is pulled before; if its start fails, the old one is started again.",
    examples: [true],
  }),
  finalSignal: defaultKey(oneOf(FINAL_SIGNALS), "TERM", {
    description:
      "The signal that asks it to end: at an upgrade, at its removal, and when Frontloader ends.",
    examples: ["QUIT"],
  }),
  stopTimeout: optionalKey(wholeNumber(1, WEEK), {
    description:
      "With `stopBeforeStart`: seconds that the old instance has to end before it is killed to make room for the new one. Without this key it is never killed.",
    examples: [30],
  }),
  tmpfs: optionalKey(
    list(
      v.union([
        tmpfsPath,
        object({
          path: key(tmpfsPath, { description: "Where it is mounted." }),
          size: optionalKey(size, {
            description: "How large it may become; without this key half of the machine's memory.",
            examples: ["64M"],
          }),
        }),
      ], "a path or an object with `path` and `size`"),
      "a list of paths",
    ),
    {
      description:
        "Empty file systems in memory. `/tmp` and `/dev/shm` are there anyway; named here, they get another size.",
      examples: [["/run", { path: "/tmp", size: "2G" }]],
    },
  ),
  files: optionalKey(
    dictionary(
      imagePath,
      v.union([fileContents, file], "the contents of the file or an object with `contents`"),
      "an object of paths, each with the contents of a file",
    ),
    {
      description:
        "Files that are put into the root file system before the start. Where a mount of `mounts` lies on top, they are not to be seen. Contents are never shown.",
      examples: [{ "/etc/motd": "Hello\n" }],
      secret: true,
    },
  ),
  limits: optionalKey(limits, {
    description:
      "What each instance may use; while the old and the new one run side by side each has as much. `memory`, `cpu` and `pids` need the machine's cgroup v2 controllers of these names.",
    examples: [{ memory: "512M", pids: 512 }],
  }),
  cron: optionalKey(list(job, "a list of jobs"), {
    description:
      "Jobs that run inside the container at set times, as who its program runs as. They run in the instance that serves; one that is told to end is asked after its jobs have ended, which get TERM before.",
    examples: [[{ schedule: "0 3 * * *", command: "backup", lock: "backup" }]],
  }),
}, {
  onlyWith: { stopTimeout: "stopBeforeStart" },
  notWith: { stopDelay: "stopBeforeStart" },
});
