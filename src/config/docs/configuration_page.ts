/** Writes docs/configuration.md. */
import * as v from "valibot";
import { container } from "../container_definition.ts";
import {
  type Definition,
  expectedBy,
  metadataOf,
  type NotYet,
  requiredPart,
} from "../definition.ts";
import { credentials } from "../image_definition.ts";
import { meta } from "../meta_definition.ts";
import { primary } from "../primary_definition.ts";

/** The texts of the files in `examples/`. */
export interface Examples {
  readonly minimal: string;
  readonly full: string;
  readonly meta: string;
}

/** The page as a whole. */
export function configurationPage(examples: Examples): string {
  return `<!-- Generated from src/config by \`deno task generate\`: change it there. -->

# Configuration

Frontloader runs what its _primary configuration_ says. That is JSON, in which comments and trailing
commas are allowed. It comes from a file, or from a web server by \`http://\` or \`https://\`.

${block(examples.minimal)}

This is enough: the machine runs nginx, and whenever another image appears under this name, that one
takes over.

## Where it comes from

The first of these that is there counts:

1. \`frontloader -c URL\` names the primary configuration.
2. \`FL_URL=URL\` in the environment, or on the kernel command line, does the same.
3. \`FL_META_CONFIG=URL\` names a [meta configuration](#meta-configuration), which says where the
   primary one is.
4. \`FL_ENV=ec2\`: the user data of this EC2 instance is the meta configuration.

On a kernel command line these are words like any other, and what is behind \`--\` are Frontloader's
arguments: \`quiet FL_ENV=ec2\`, or \`quiet -- -c http://10.0.0.1/web.jsonc\`. If nothing says where the
configuration is, Frontloader lists these ways and ends with status 2; as the init of a machine it
goes on and says it again.

URL is a path, or begins with \`file://\`, \`http://\` or \`https://\`. A user name and password in it are
sent to that server as Basic credentials. They are never shown, and neither is a query.

The primary configuration is read again every \`reloadInterval\` seconds, and at once on SIGHUP. Then
a container that changed is replaced, one that is gone gets TERM, a new one starts, and one that is
as it was is not touched. A configuration that cannot be had, or is wrong, changes nothing: the last
good one stays in force. \`frontloader status\` says which one that is: its source, its digest (that
of \`sha256sum\`), when it was applied and last read, and why the newest is not in force.

\`frontloader check --resolve FILE\` follows a meta configuration to the primary one and checks both;
without a file it checks what \`frontloader run\` would use.

## On EC2

\`FL_ENV=ec2\` does three things:

- Without \`-c\`, \`FL_URL\` and \`FL_META_CONFIG\` the user data is the meta configuration.
- The machine's host name becomes \`<instance-id>.<availability-zone>\`.
- Every container gets \`FL_INSTANCE_ID\`, \`FL_ZONE\` and, where the instance has them, \`FL_IPV4\` (the
  private address) and \`FL_IPV6\`. They win over the image's environment, not over the settings'.

The metadata service is asked by version 2 of its protocol, and by version 1 only where the token's
path answers 404 or 403. What cannot be reached is tried again for ever, at least every 30 s until
the first configuration is there: networks come up late. If \`-c\`, \`FL_URL\` or \`FL_META_CONFIG\` says
where the configuration is, containers start without these variables if the metadata service cannot
be had within 30 s: the machine may be no EC2 instance, as when its image is tried out elsewhere.

Secrets, parameters, objects and registry tokens are asked for with the credentials of the machine's
role, which are renewed before they expire. Without \`machineRole\` every role that the machine has is
tried, and the error names each with its own reason. The role needs \`secretsmanager:GetSecretValue\`,
\`ssm:GetParameter\`, \`s3:GetObject\` or \`ecr:GetAuthorizationToken\` with \`ecr:BatchGetImage\` and
\`ecr:GetDownloadUrlForLayer\`, and \`kms:Decrypt\` if a key of your own is in use. Elsewhere
\`AWS_ACCESS_KEY_ID\`, \`AWS_SECRET_ACCESS_KEY\` and \`AWS_SESSION_TOKEN\` do for roles, unless one is
named.

Where \`HTTP_PROXY\` is set, \`NO_PROXY\` has to name \`169.254.169.254\`, as for AWS's own tools.

For tests, \`AWS_EC2_METADATA_SERVICE_ENDPOINT\` says where the metadata service is, and
\`AWS_ENDPOINT_URL\` (or \`AWS_ENDPOINT_URL_SECRETS_MANAGER\`, \`_SSM\`, \`_S3\`, \`_ECR\`) where AWS is.

## The log

Frontloader logs to standard output, one line an event: time, level, component, message, and what
else is known as \`key=value\`. What a container puts out stands behind \`ID|\`.

Where it is process 1 it receives what programs log with syslog(3) at \`/dev/log\`, which containers
get by the mount \`"/dev/log": "/dev/log"\`, and reads the kernel's log. On a machine with another
init both are the business of that one; \`FL_DEV_LOG=PATH\` makes a socket elsewhere, for tests say.
What the kernel says below a notice is on standard output with \`--debug\` only.

All of it goes to every target of \`syslog\`, in the form of RFC 5424, as far as its \`level\` lets it:

| line                              | facility and severity                   | APP-NAME      | PROCID      | MSGID              |
| --------------------------------- | --------------------------------------- | ------------- | ----------- | ------------------ |
| Frontloader's own                 | daemon, by its level                    | \`frontloader\` | Frontloader | the component      |
| output of a container             | daemon.info, daemon.err from its stderr | the id        |             | \`stdout\`, \`stderr\` |
| by a program at \`/dev/log\`        | its own, but user in place of kern      | its own       | its own     | its own            |
| the kernel's                      | its own                                 | \`kernel\`      |             |                    |
| in the kernel's log, by a program | its own                                 | \`kmsg\`        |             |                    |

What a program logs from a container has the container's id as structured data, and in front of its
name on standard output, unless the program has ended before its message was read. The context of
Frontloader's own lines is structured data, in the element \`frontloader@32473\`. Text is UTF-8, with
a BOM in front where it is more than ASCII; control characters are escaped. Over UDP a message has
1180 bytes at most, which pass any path in one piece, over TCP and TLS 8192; longer ones are cut
off.

A target that cannot be reached is an error in the log, once, and is tried again with back-off up to
a minute; its name is looked up each time. Up to 1 MiB waits for it. Beyond that lines are dropped,
and where they are missing the target gets a line that says how many. Over TCP and TLS a message
that was not taken as a whole is sent again; what the kernel has taken and could not deliver,
because the receiver's machine died, is lost. Over TLS the receiver's certificate has to be valid
for \`host\`, by the certificate authorities that Deno trusts: \`DENO_CERT\` names a file with further
ones, and \`DENO_TLS_CA_STORE=system\` makes it trust the machine's.

What is logged before the first configuration is kept for its targets, up to 256 KiB. When
Frontloader ends, or a target is removed, what is left for it is sent within 5 s.

## What is wrong with it

Every mistake is an error, unknown keys and keys that are there twice among them, and all are told
with their places:

\`\`\`console
$ frontloader check web.jsonc
web.jsonc:4:12: container.uid: expected a whole number from 0 to 4294967294, found "33"
web.jsonc:5:5: container.enviroment: unknown key, did you mean "environment"?
\`\`\`

Passwords and the values of the environment are never shown. An editor that knows JSON Schema
completes and checks keys if \`$schema\` names [frontloader.schema.json](frontloader.schema.json), or
[meta.schema.json](meta.schema.json) for a meta configuration.

Some keys are not supported yet. They are checked, and then refused; a later version will do what
they say.

## Full example

${block(examples.full)}

## Primary configuration

${table(rowsOf(primary, ""))}

Of \`container\` and \`containers\` only one can be there. With neither, nothing runs.

## Container

The keys of \`container\`, and of every entry of \`containers\`:

${table(rowsOf(container, CONTAINER_PREFIX))}

## Meta configuration

It says where the primary configuration is. It is read once, at the start: to change it, start
Frontloader again. The primary configuration that it names is read again as any other.

${block(examples.meta)}

${meta.options.map((option) => metaSection(option)).join("\n\n")}
`;
}

function metaSection(option: typeof meta.options[number]): string {
  const { type } = option.entries;
  const { literal } = requiredPart(type) as v.LiteralSchema<string, string>;
  const isRefused = metadataOf(type).notYet === true;
  return `### ${literal}\n\n${table(rowsOf(option, "", isRefused))}`;
}

/** The definitions that have parts. */
type Compound =
  | v.StrictObjectSchema<v.ObjectEntries, string>
  | v.ArraySchema<Definition, string>
  | v.RecordSchema<v.GenericSchema<string, string>, Definition, string>
  | v.UnionSchema<Definition[], string>
  | Variant;

type Variant = v.VariantSchema<string, v.StrictObjectSchema<v.ObjectEntries, string>[], string>;

/** What the keys of a container begin with in its table, since `container` and `containers` both have them. */
const CONTAINER_PREFIX = ".";

/** Where the definitions that are used more than once are documented. */
const PLACES = new Map<Definition, string>([
  [container, CONTAINER_PREFIX],
  [credentials, "docker"],
]);

/** One line of a table of keys. */
type Row = readonly [
  key: string,
  type: string,
  preset: string,
  example: string,
  meaning: string,
  supported: string,
];

const HEADER: Row = ["Key", "Type", "Default", "Example", "Meaning", "Supported"];

/** A row for every key of a definition, and of the objects in it unless they are documented elsewhere. */
function rowsOf(definition: Definition, prefix: string, isRefused = false): Row[] {
  const part = requiredPart(definition) as Compound;
  if ((PLACES.get(part) ?? prefix) !== prefix) return [];
  switch (part.type) {
    case "strict_object":
      return Object.entries(part.entries).flatMap(([name, entry]) => {
        const key = /\w$|\*$|\]$/.test(prefix) ? `${prefix}.${name}` : `${prefix}${name}`;
        const notYet = isRefused || metadataOf(entry).notYet;
        return [rowOf(key, entry, notYet), ...rowsOf(entry, key, notYet === true)];
      });
    case "array":
      return rowsOf(part.item, `${prefix}[]`, isRefused);
    case "record":
      return itemRows(part.value, `${prefix}.*`, isRefused);
    case "union":
      return part.options.flatMap((option) => rowsOf(option, prefix, isRefused));
    case "variant":
      return variantRows(part, prefix, isRefused);
    default:
      return [];
  }
}

/** The rows of several kinds of object, as if they were one that has the keys of all. */
function variantRows({ key, options }: Variant, prefix: string, isRefused: boolean): Row[] {
  const words = options.map(({ entries }) => expectedBy(entries[key]!));
  const rows = new Map<string, Row>();
  for (const row of options.flatMap((option) => rowsOf(option, prefix, isRefused))) {
    if (rows.has(row[0])) continue;
    const [name, type, ...rest] = row;
    const isType = name === inlineCode(`${prefix}.${key}`);
    rows.set(name, isType ? [name, words.join(" or "), ...rest] : [name, type, ...rest]);
  }
  return [...rows.values()];
}

/** The rows of what stands under keys that the user chooses; such a value may be documented as a key is. */
function itemRows(item: Definition, key: string, isRefused: boolean): Row[] {
  const own = v.getDescription(item) === undefined
    ? []
    : [rowOf(key, item, isRefused || metadataOf(item).notYet)];
  return [...own, ...rowsOf(item, key, isRefused)];
}

function rowOf(key: string, entry: v.GenericSchema, notYet: NotYet | false | undefined): Row {
  const preset = v.getDefault(entry);
  const [example] = v.getExamples(entry) as readonly unknown[];
  return [
    inlineCode(key),
    expectedBy(entry).replace(/^an? /, ""),
    entry.type === "optional" || key.endsWith("*") ? json(preset) : "required",
    json(example),
    v.getDescription(entry) ?? "",
    supportOf(notYet),
  ];
}

function supportOf(notYet: NotYet | false | undefined): string {
  if (notYet === true) return "not supported yet";
  if (!notYet) return "yes";
  return `only ${json(notYet.except)}`;
}

/** A Markdown table, its columns padded as `deno fmt` does it. */
function table(rows: readonly Row[]): string {
  const cells = [HEADER, ...rows].map((row) => row.map((text) => text.replaceAll("|", "\\|")));
  const widths = HEADER.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) => line(row.map((text, column) => text.padEnd(widths[column]!))));
  lines.splice(1, 0, line(widths.map((width) => "-".repeat(width))));
  return lines.join("\n");
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function json(value: unknown): string {
  if (value === undefined) return "";
  return inlineCode(JSON.stringify(value).replace(/(?<=[,:])(?=["\[{\d])/g, " "));
}

function inlineCode(text: string): string {
  return `\`${text}\``;
}

function block(text: string): string {
  return `\`\`\`jsonc\n${text.trimEnd()}\n\`\`\``;
}
