/** The definition of the primary configuration: what runs on this machine. */
import * as v from "valibot";
import { container, imagePath } from "./container_definition.ts";
import { credentials, manifest } from "./image_definition.ts";
import {
  defaultKey,
  dictionary,
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

/** A week. Also far below what a timer can count (2^31 ms, 24 days). */
const MAX_INTERVAL = 7 * 24 * 60 * 60;

const kernel = object({
  manifest: key(manifest, {
    description:
      "The image that carries the system: `/bzImage`, `/initrd` if that is not inside, and the label `commit`. If that is another commit than the running one the machine changes to it.",
    examples: ["https://registry.example.com/v2/frontloader/manifests/stable"],
    alias: ["image"],
  }),
  cmdline: optionalKey(pattern(/^[^\r\n]*$/, "one line of text", MAX_PATH), {
    description:
      "The kernel command line of the new system, whole: it has to say where the configuration is, too. Without this key it is the running one's. `panic=10` is added if it says nothing of a panic.",
    examples: ["console=ttyS0 panic=10 FL_ENV=ec2"],
  }),
  docker: optionalKey(credentials, {
    description: "Credentials for its registry, in place of the global ones.",
  }),
});

const volume = object({
  path: key(imagePath, {
    description: "Where it is mounted on the machine. The directory is made if it is missing.",
    examples: ["/srv"],
  }),
  device: key(nonEmptyText("a device or an NFS export", MAX_PATH), {
    description:
      "What is mounted: a path, `LABEL=…`, `UUID=…`, on EC2 the name given at attachment (`sdf`) or `ephemeral0`; or an NFS export. See docs/volumes.md.",
    examples: ["/dev/nvme1n1", "LABEL=data", "sdf", "nfs.example.com:/export"],
  }),
  fstype: key(oneOf(["xfs", "nfs4"]), {
    description:
      "The type of the file system. XFS grows by itself when its device has become larger.",
    examples: ["xfs", "nfs4"],
  }),
  options: optionalKey(text("mount options separated by commas", MAX_PATH), {
    description: "Mount options, as mount(8) and the file system know them.",
    examples: ["noatime", "ro,nodev"],
  }),
  uid: optionalKey(id, { description: "Who owns its root." }),
  gid: optionalKey(id, { description: "Which group owns its root." }),
  format: defaultKey(oneOf(["never", "ifBlank"]), "never", {
    description:
      "Whether a device on which nothing at all is recognisable gets a file system (XFS). See docs/volumes.md for what that means.",
  }),
});

const syslogTarget = object({
  host: key(pattern(/^[^\s/]+$/, "a host name or an address", 255), {
    description: "Who gets the log.",
    examples: ["logs.example.com"],
  }),
  port: optionalKey(wholeNumber(1, 65_535), {
    description: "Without this key 514, with TLS 6514.",
    examples: [6514],
  }),
  transport: optionalKey(oneOf(["udp", "tcp"]), {
    description:
      "How it is sent: `udp`, one message a datagram, where nobody notices what is lost, or `tcp`, with octet counting. Without this key `udp`, with TLS `tcp`.",
    examples: ["tcp"],
    alias: ["protocol"],
  }),
  tls: defaultKey(flag(), false, {
    description:
      "Whether it is sent over TLS, to a host that proves with a certificate that it is the one.",
  }),
  level: defaultKey(
    oneOf(["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]),
    "info",
    {
      description:
        "The least important lines that are sent. What a container puts out counts as `info`, on its standard error as `err`.",
    },
  ),
}, { impossible: { transport: "udp", tls: true } });

/** The key that names the JSON Schema for editors. */
export const schemaKey = optionalKey(text("the URL or path of a JSON Schema"), {
  description: "The JSON Schema of this file, for editors. It means nothing else.",
  examples: ["https://example.com/frontloader.schema.json"],
});

/** The primary configuration. */
export const primary = object({
  $schema: schemaKey,
  docker: optionalKey(credentials, {
    description:
      "Credentials for the registry of every container that has none of its own, and of the kernel. Without them only public images can be had.",
    examples: [{ username: "deploy", password: "secret" }],
  }),
  checkInterval: defaultKey(wholeNumber(1, MAX_INTERVAL), 600, {
    description: "Seconds between two looks for new images, give or take a tenth.",
    examples: [60],
  }),
  reloadInterval: defaultKey(wholeNumber(1, MAX_INTERVAL), 300, {
    description: "Seconds between two readings of this configuration.",
    examples: [60],
  }),
  container: optionalKey(container, {
    description: "The one container, or `containers`.",
    examples: [{ manifest: "nginx" }],
  }),
  containers: optionalKey(list(container, "a list of containers", { identifiedBy: "id" }), {
    description: "Several containers, each with its own `id`.",
    examples: [[{ id: "web", manifest: "nginx" }]],
    alias: ["services"],
  }),
  kernel: optionalKey(kernel, {
    description:
      "The image with the next system, to which the machine changes by kexec. It is looked at when the machine starts, before any container does, at each reading of this configuration, and every `checkInterval`. Only for a machine whose init Frontloader is.",
    examples: [{ manifest: "registry.example.com/frontloader:stable" }],
  }),
  volumes: optionalKey(list(volume, "a list of volumes", { identifiedBy: "path" }), {
    description:
      "File systems that are mounted before any container starts. A container whose `mounts` lie on one that is not there waits for it.",
    examples: [[{ path: "/srv", device: "LABEL=data", fstype: "xfs" }]],
  }),
  sysctl: optionalKey(
    dictionary(
      pattern(/^[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_:-]+)+$/, "the name of a kernel parameter"),
      text("a string"),
      "an object of kernel parameters",
    ),
    {
      description:
        "Kernel parameters that are set before any container starts, as sysctl(8) names them. One that cannot be set is reported, and keeps nothing from starting. One that is removed from the configuration keeps its value.",
      examples: [{ "net.core.somaxconn": "4096" }],
    },
  ),
  syslog: optionalKey(list(syslogTarget, "a list of targets"), {
    description:
      "Where the log is sent to, beside standard output (RFC 5424). What a target does not take waits for it, up to 1 MiB; then lines are dropped, and a line says how many.",
    examples: [[{ host: "logs.example.com", tls: true }]],
  }),
}, { exclusive: ["container", "containers"] });

/** A valid primary configuration, as it was written, defaults filled in. */
export type Primary = v.InferOutput<typeof primary>;
