/**
 * What a directory tree is, down to the last attribute, as GNU's tools and getfattr see it: they are none of ours, and they
 * take names for what they are, bytes.
 */
import { Buffer } from "node:buffer";
import { runCommand } from "./command.ts";

/** What the nodes of a tree are: `key: value` lines in a fixed order, by path. Each char of a path stands for one byte. */
export type FileTree = ReadonlyMap<string, string>;

/** What find(1) is to print of each node, with a NUL behind each. */
const FIELDS = ["%P", "%y", "%m", "%U", "%G", "%T@", "%s", "%l", "%i"] as const;

/**
 * Describes everything in a directory, itself included: type, mode, owner, time to the nanosecond, size and digest, target,
 * device numbers, attributes, and which names are one file.
 */
export async function describeTree(root: string): Promise<FileTree> {
  const options = { cwd: root };
  const [nodes, digests, devices, attributes] = await Promise.all([
    runCommand(["find", ".", "-printf", FIELDS.join("\\0") + "\\0"], options),
    runCommand(["find", ".", "-type", "f", "-exec", "sha256sum", "-z", "{}", "+"], options),
    runCommand(
      "find . ( -type b -o -type c ) -exec stat --printf %t:%T\\0%n\\0 {} +".split(" "),
      options,
    ),
    runCommand("getfattr -R -P -h -d -m - -e hex .".split(" "), options),
  ]);
  // "HEX  ./PATH" and "MAJOR:MINOR", "./PATH"
  const digestOf = new Map(strings(digests).map((line) => [line.slice(68), line.slice(0, 64)]));
  const deviceOf = new Map(groups(strings(devices), 2).map(([n, path]) => [path!.slice(2), n!]));
  const attributesOf = parseAttributes(attributes);

  const records = groups(strings(nodes), FIELDS.length);
  const namesOf = Map.groupBy(records, (record) => record.at(-1)!);
  const tree = new Map<string, string>();
  for (const [path, type, mode, uid, gid, mtime, size, target, inode] of records) {
    const names = namesOf.get(inode!)!.map(([path]) => path).sort();
    const lines = [
      `type: ${type}`,
      `mode: ${mode}`,
      `owner: ${uid}:${gid}`,
      `mtime: ${mtime}`,
      `attributes: ${attributesOf.get(path!) ?? ""}`,
    ];
    if (type === "f") lines.push(`size: ${size}`, `sha256: ${digestOf.get(path!)}`);
    if (type === "l") lines.push(`target: ${target}`);
    if (type === "b" || type === "c") lines.push(`device: ${deviceOf.get(path!)}`);
    if (names.length > 1) lines.push(`one file: ${names.join(" = ")}`);
    tree.set(path!, lines.join("\n"));
  }
  return tree;
}

/**
 * Compares two trees.
 *
 * @returns each difference, for a person: `usr/lib: mode: 755 -> 700`
 */
export function treeDifferences(expected: FileTree, actual: FileTree): string[] {
  const differences: string[] = [];
  for (const path of new Set([...expected.keys(), ...actual.keys()])) {
    const [want, have] = [expected.get(path)?.split("\n"), actual.get(path)?.split("\n")];
    const shown = JSON.stringify(path);
    if (have === undefined || want === undefined) {
      differences.push(`${shown}: ${have === undefined ? "missing" : "not expected"}`);
      continue;
    }
    for (let i = 0; i < Math.max(want.length, have.length); i++) {
      if (want[i] !== have[i]) differences.push(`${shown}: ${want[i]} -> ${have[i]}`);
    }
  }
  return differences;
}

/** Bytes to text, one char a byte. */
function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** The strings of a list with a NUL behind each. */
function strings(bytes: Uint8Array): string[] {
  return text(bytes).split("\0").slice(0, -1);
}

function groups(list: readonly string[], size: number): string[][] {
  return Array.from(
    { length: list.length / size },
    (_, i) => list.slice(i * size, (i + 1) * size),
  );
}

/** Paragraphs of `# file: PATH` and `NAME=0xHEX` lines. In the path, `\NNN` in octal stands for a byte. */
function parseAttributes(output: Uint8Array): Map<string, string> {
  const unquote = (path: string) =>
    path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
  return new Map(
    text(output).split("\n\n").filter((paragraph) => paragraph !== "").map((paragraph) => {
      const [first = "", ...lines] = paragraph.trimEnd().split("\n");
      const path = unquote(first.slice("# file: ".length));
      return [path === "." ? "" : path, lines.sort().join(", ")];
    }),
  );
}
