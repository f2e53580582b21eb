/**
 * cpio archives in the form that the kernel unpacks ("newc", its Documentation/driver-api/early-userspace/buffer-format.rst).
 * GNU cpio copies link counts, sizes of directories and modes as the file system of the day has them; here all that can
 * differ between two builds is left out.
 */

/** Modes with the type of a file, as in stat(2). */
const FILE = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;
const CHARACTER_DEVICE = 0o020000;

/** The kernel opens it for the first program. A build that is not root's cannot make one, so it is in no tree. */
const CONSOLE: Entry = { path: "dev/console", mode: CHARACTER_DEVICE | 0o600, device: [5, 1] };

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly data?: Uint8Array;
  /** Major and minor number. */
  readonly device?: readonly [number, number];
}

/**
 * Archives a directory. Everything belongs to root and is as old as the epoch; names are sorted by their bytes; a file is
 * executable for everybody or for nobody.
 *
 * @param directory its path
 * @returns the archive in pieces
 */
export async function* archiveTree(directory: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let inode = 0;
  for await (const entry of withConsole(entriesOf(directory, ""))) yield* record(entry, ++inode);
  yield* record({ path: "TRAILER!!!", mode: 0 }, 0);
}

/** Adds the console, unless the tree has one; its directory comes first. */
async function* withConsole(entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
  let hasDirectory = false;
  for await (const entry of entries) {
    yield entry;
    if (entry.path !== "dev") continue;
    hasDirectory = true;
    yield CONSOLE;
  }
  if (!hasDirectory) yield* [{ path: "dev", mode: DIRECTORY | 0o755 }, CONSOLE];
}

async function* entriesOf(root: string, parent: string): AsyncGenerator<Entry> {
  const names = Array.from(Deno.readDirSync(`${root}/${parent}`), ({ name }) => name).sort();
  for (const name of names) {
    const path = parent === "" ? name : `${parent}/${name}`;
    const info = await Deno.lstat(`${root}/${path}`);
    if (info.isSymlink) {
      const target = await Deno.readLink(`${root}/${path}`);
      yield { path, mode: SYMLINK | 0o777, data: new TextEncoder().encode(target) };
    } else if (info.isDirectory) {
      yield { path, mode: DIRECTORY | directoryMode(info.mode) };
      yield* entriesOf(root, path);
    } else if (info.isFile) {
      const data = await Deno.readFile(`${root}/${path}`);
      yield { path, mode: FILE | ((info.mode ?? 0) & 0o100 ? 0o755 : 0o644), data };
    } else {
      throw new Error(`Cannot archive "${root}/${path}": it is no file, directory or symlink`);
    }
  }
}

/** `/tmp` is everybody's; no other directory is meant to be writable for others, whatever the builder's umask. */
function directoryMode(mode: number | null): number {
  return (mode ?? 0) & 0o1000 ? 0o1777 : 0o755;
}

function* record(
  { path, mode, data = new Uint8Array(), device = [0, 0] }: Entry,
  inode: number,
): Generator<Uint8Array<ArrayBuffer>> {
  const name = new TextEncoder().encode(`${path}\0`);
  const links = (mode & 0o170000) === DIRECTORY ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, ...device, name.length, 0];
  const header = "070701" + fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  yield padded(new TextEncoder().encode(header), name);
  if (data.length > 0) yield padded(data);
}

/** The parts one behind the other, and zeros up to a multiple of four bytes. */
function padded(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
