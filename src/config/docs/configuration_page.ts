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

URL is a path, or begins with \`file://\`, \`http://\` or \`https://\`. A user name and password in it are
sent to that server as Basic credentials. They are never shown, and neither is a query.

The primary configuration is read again every \`reloadInterval\` seconds, and at once on SIGHUP. Then
a container that changed is replaced, one that is gone gets TERM, a new one starts, and one that is
as it was is not touched. A configuration that cannot be had, or is wrong, changes nothing: the last
good one stays in force.

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

It says where the primary configuration is, and is read once, at the start.

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
  | v.UnionSchema<Definition[], string>;

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
    default:
      return [];
  }
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
  return "except" in notYet
    ? `only ${json(notYet.except)}`
    : `not yet: ${inlineCode(notYet.suffix)} at the end`;
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
