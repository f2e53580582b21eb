/**
 * What images with difficult layers have to come to. The same table is run in memory (`unpack_layer_test.ts`)
 * and by the kernel (`tests/system/unpack_test.ts`).
 */
import { base256, concat, padded, tar, type TarItem, tarItem } from "../support/tar_writer.ts";

/** An image, and its root file system or why it is refused. */
export interface LayerCase {
  readonly name: string;
  /** Archives, bottom-up. */
  readonly layers: readonly Uint8Array<ArrayBuffer>[];
  /**
   * What each path is, as {@linkcode describeFile} says it; the root, "/", may be left out. An error's
   * message or one of its causes' has to match an expression.
   */
  readonly expected: Readonly<Record<string, string>> | RegExp;
}

/** What a description is made of. */
export interface DescribedFile {
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly contents: string;
  readonly target: string;
  readonly device: { readonly major: number; readonly minor: number };
  /** How many names it has that can be seen. */
  readonly links: number;
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number };
  readonly attributes: readonly (readonly [string, string])[];
}

/**
 * Describes a file in a line: type, mode, owner unless it is 0:0, what it contains, how many names it has if
 * there are several, its time unless it is the one that the tar writer gives, its attributes.
 */
export function describeFile(file: DescribedFile): string {
  const { type, mode, uid, gid, device: { major, minor }, mtime } = file;
  const parts = [type === "symlink" ? "symlink" : `${type} ${mode.toString(8)}`];
  if (uid !== 0 || gid !== 0) parts.push(`${uid}:${gid}`);
  if (type === "file") parts.push(JSON.stringify(file.contents));
  if (type === "symlink") parts.push(`-> ${file.target}`);
  if (type === "character" || type === "block") parts.push(`${major}/${minor}`);
  if (type !== "directory" && file.links > 1) parts.push(`x${file.links}`);
  if (mtime.seconds !== 1_000_000_000 || mtime.nanoseconds !== 0) {
    const fraction = mtime.nanoseconds === 0 ? "" : `.${`${mtime.nanoseconds}`.padStart(9, "0")}`;
    parts.push(`@${mtime.seconds}${fraction}`);
  }
  for (const [name, value] of file.attributes.toSorted()) {
    parts.push(`${name}=${JSON.stringify(value)}`);
  }
  return parts.join(" ");
}

type Extra = Partial<TarItem>;
const file = (path: string, data = "", extra: Extra = {}): TarItem => ({ path, data, ...extra });
const dir = (path: string, extra: Extra = {}): TarItem => ({ path, type: "5", ...extra });
const symlink = (path: string, target: string, extra: Extra = {}): TarItem => ({
  path,
  type: "2",
  target,
  ...extra,
});
const hardLink = (path: string, target: string, extra: Extra = {}): TarItem => ({
  path,
  type: "1",
  target,
  ...extra,
});
const device = (path: string, major: number, minor: number, extra: Extra = {}): TarItem => ({
  path,
  type: "3",
  major,
  minor,
  ...extra,
});

/** A directory of which the archive does not speak. */
const IMPLIED = "directory 755 @0";
const DIR = "directory 755";

const CAPABILITY = "\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

export const LAYER_CASES: readonly LayerCase[] = [
  {
    name: "an ordinary image is what its archives say",
    layers: [
      tar(
        dir("./"),
        dir("./etc/", { mode: 0o750, uid: 1, gid: 2, mtime: 5 }),
        file("./etc/passwd", "root", { mode: 0o600, uid: 3, gid: 4, mtime: 6 }),
        symlink("./etc/link", "../passwd", { uid: 5, gid: 6, mtime: 7 }),
        hardLink("./hard", "./etc/passwd"),
        device("./null", 1, 3, { mode: 0o666 }),
        { path: "./sda", type: "4", major: 8, minor: 300, mode: 0o660, gid: 6 },
        { path: "./fifo", type: "6", mode: 0o622, uid: 7 },
        file("./empty"),
      ),
      tar(file("etc/passwd", "new"), file("top")),
    ],
    expected: {
      "/": DIR,
      etc: "directory 750 1:2 @5",
      "etc/passwd": 'file 644 "new"',
      "etc/link": "symlink 5:6 -> ../passwd @7",
      hard: 'file 600 3:4 "root" @6',
      null: "character 666 1/3",
      sda: "block 660 0:6 8/300",
      fifo: "fifo 622 7:0",
      empty: 'file 644 ""',
      top: 'file 644 ""',
    },
  },
  {
    name: "paths that lead out of the root stay in it",
    layers: [tar(
      file("../up", "1"),
      file("/../root-up", "2"),
      file("/absolute", "3"),
      file("a/../../../b/./c//d", "4"),
      file("..gitme", "5"),
      file("...", "6"),
    )],
    expected: {
      up: 'file 644 "1"',
      "root-up": 'file 644 "2"',
      absolute: 'file 644 "3"',
      b: IMPLIED,
      "b/c": IMPLIED,
      "b/c/d": 'file 644 "4"',
      "..gitme": 'file 644 "5"',
      "...": 'file 644 "6"',
    },
  },
  {
    name:
      "a path into another layer's directory, or one with the same beginning, stays in the layer",
    layers: [tar(file("x")), tar(file("../l/10/x", "y"), file("../../layers/z"))],
    expected: {
      x: 'file 644 ""',
      l: IMPLIED,
      "l/10": IMPLIED,
      "l/10/x": 'file 644 "y"',
      layers: IMPLIED,
      "layers/z": 'file 644 ""',
    },
  },
  {
    name:
      "files are never written through a symlink out of the root, whose target is kept as it is",
    layers: [tar(
      symlink("etc", "/outside"),
      file("etc/passwd", "evil"),
      symlink("up", "../.."),
      file("up/file", "evil"),
      symlink("a", "b"),
      symlink("b", "../../outside"),
      file("a/chain", "evil"),
      symlink("slash", "/"),
      file("slash/tmp/frontloader-escape", "evil"),
    )],
    expected: {
      etc: "symlink -> /outside",
      outside: IMPLIED,
      "outside/passwd": 'file 644 "evil"',
      up: "symlink -> ../..",
      file: 'file 644 "evil"',
      a: "symlink -> b",
      b: "symlink -> ../../outside",
      "outside/chain": 'file 644 "evil"',
      slash: "symlink -> /",
      tmp: IMPLIED,
      "tmp/frontloader-escape": 'file 644 "evil"',
    },
  },
  {
    name: "a file replaces a symlink instead of being written through it",
    layers: [tar(symlink("link", "/outside/file"), file("link", "mine"))],
    expected: { link: 'file 644 "mine"' },
  },
  {
    name: "a symlink that leads to itself is no place for a file",
    layers: [tar(symlink("a", "b"), symlink("b", "a"), file("a/x"))],
    expected: /too many symlinks/,
  },
  {
    name: "a symlink of the layer's own is followed inside the root",
    layers: [tar(
      dir("usr"),
      dir("usr/lib"),
      symlink("lib", "usr/lib"),
      file("lib/a"),
      symlink("usr/up", "../lib/../share"),
      file("usr/up/b"),
    )],
    expected: {
      usr: DIR,
      "usr/lib": DIR,
      "usr/lib/a": 'file 644 ""',
      lib: "symlink -> usr/lib",
      "usr/up": "symlink -> ../lib/../share",
      "usr/share": IMPLIED,
      "usr/share/b": 'file 644 ""',
    },
  },
  {
    name: "a hard link out of the root finds what is there inside",
    layers: [tar(
      dir("outside"),
      file("outside/secret", "inside"),
      hardLink("relative", "../../outside/secret"),
      hardLink("absolute", "/outside/secret"),
      symlink("parent", "/outside"),
      hardLink("through", "parent/secret"),
    )],
    expected: {
      outside: DIR,
      "outside/secret": 'file 644 "inside" x4',
      relative: 'file 644 "inside" x4',
      absolute: 'file 644 "inside" x4',
      parent: "symlink -> /outside",
      through: 'file 644 "inside" x4',
    },
  },
  ...["../../outside/secret", "/outside/secret", "parent/secret"].map((target) => ({
    name: `a hard link to ${target}, which only the machine has, is an error`,
    layers: [tar(symlink("parent", "/outside"), hardLink("x", target))],
    expected: /Cannot make the hard link "x": no layer has "outside\/secret"/,
  })),
  {
    name: "a hard link to a symlink is another name for the symlink (CVE-2021-32760)",
    layers: [tar(
      file("file", "", { mode: 0o600 }),
      symlink("link", "file"),
      hardLink("hard", "link", { mode: 0o777, uid: 5 }),
    )],
    expected: {
      file: 'file 600 ""',
      link: "symlink -> file x2",
      hard: "symlink -> file x2",
    },
  },
  {
    name: "a hard link takes no metadata from its entry",
    layers: [
      tar(
        file("a", "1", { mode: 0o600, mtime: 5 }),
        hardLink("b", "a", { mode: 0o666, uid: 1, mtime: 9 }),
      ),
    ],
    expected: { a: 'file 600 "1" x2 @5', b: 'file 600 "1" x2 @5' },
  },
  {
    name: "a hard link to a file of a lower layer is another name for that file",
    layers: [
      tar(
        dir("d"),
        file("d/low", "low", { mode: 0o640, uid: 9, pax: { "SCHILY.xattr.trusted.a": "b" } }),
        symlink("l", "d"),
      ),
      tar(hardLink("one", "d/low"), hardLink("two", "one"), hardLink("three", "l/low")),
      tar(hardLink("d/four", "two")),
    ],
    expected: {
      d: DIR,
      "d/low": 'file 640 9:0 "low" x5 trusted.a="b"',
      l: "symlink -> d",
      one: 'file 640 9:0 "low" x5 trusted.a="b"',
      two: 'file 640 9:0 "low" x5 trusted.a="b"',
      three: 'file 640 9:0 "low" x5 trusted.a="b"',
      "d/four": 'file 640 9:0 "low" x5 trusted.a="b"',
    },
  },
  {
    name:
      "a hard link to a file of a lower layer that its own layer replaces by a link finds the link",
    layers: [
      tar(file("low", "low"), file("one", "old")),
      tar(
        dir("first"),
        hardLink("one", "low"),
        hardLink("two", "one"),
        hardLink("z/three", "low"),
        hardLink("first/four", "z/three"),
        file("five", "old"),
        hardLink("five", "low"),
        hardLink("six", "five"),
      ),
    ],
    expected: {
      first: DIR,
      z: IMPLIED,
      ...Object.fromEntries(
        ["low", "one", "two", "z/three", "first/four", "five", "six"].map((
          name,
        ) => [name, 'file 644 "low" x7']),
      ),
    },
  },
  {
    name: "a hard link that is still to be made gives way to what comes later in its place",
    layers: [
      tar(file("low", "low"), dir("usr"), dir("usr/lib"), symlink("lib", "usr/lib")),
      tar(hardLink("p", "low"), file("p/x"), hardLink("usr/lib/y", "low"), file("lib/y", "file")),
    ],
    expected: {
      low: 'file 644 "low"',
      usr: DIR,
      "usr/lib": DIR,
      "usr/lib/y": 'file 644 "file"',
      lib: "symlink -> usr/lib",
      p: IMPLIED,
      "p/x": 'file 644 ""',
    },
  },
  {
    name: "a hard link to what a layer in between hides is an error",
    layers: [tar(file("low")), tar(file(".wh.low")), tar(hardLink("x", "low"))],
    expected: /no layer has "low"/,
  },
  {
    name: "an entry replaces a hard link that is still to be made, and the other way round",
    layers: [
      tar(file("low", "low")),
      tar(
        hardLink("a", "low"),
        file("a", "a"),
        file("b", "b"),
        hardLink("b", "low"),
        hardLink("c/d", "low"),
        file("e", ""),
      ),
    ],
    expected: {
      low: 'file 644 "low" x3',
      a: 'file 644 "a"',
      b: 'file 644 "low" x3',
      c: IMPLIED,
      "c/d": 'file 644 "low" x3',
      e: 'file 644 ""',
    },
  },
  {
    name: "a hard link may name a file that comes later in its layer",
    layers: [tar(hardLink("a", "b"), file("b", "late"))],
    expected: { a: 'file 644 "late" x2', b: 'file 644 "late" x2' },
  },
  {
    name: "a hard link to a directory is an error",
    layers: [tar(dir("d"), hardLink("x", "d"))],
    expected: /EPERM/,
  },
  {
    name: "a hard link to itself changes nothing",
    layers: [tar(file("a", "1"), hardLink("a", "./a"))],
    expected: { a: 'file 644 "1"' },
  },
  ...[".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."].map((path) => ({
    name: `the whiteout ${path} is an error`,
    layers: [tar(dir("d")), tar(file(path))],
    expected: /whiteout of nothing/,
  })),
  {
    name: "whiteouts remove what lower layers have, whatever it is",
    layers: [
      tar(
        dir("dir"),
        dir("dir/sub"),
        file("dir/sub/f"),
        file("file"),
        symlink("link", "kept"),
        dir("kept"),
        file("kept/f"),
        file("stays"),
      ),
      tar(
        file(".wh.dir"),
        file(".wh.file"),
        file(".wh.link"),
        file("kept/.wh.f"),
        file(".wh.missing"),
      ),
    ],
    expected: { kept: DIR, stays: 'file 644 ""' },
  },
  {
    name: "a whiteout behind a symlink removes what is in the directory inside the root",
    layers: [
      tar(dir("d"), file("d/f"), file("d/g"), symlink("link", "/d"), symlink("out", "/../outside")),
      tar(file("link/.wh.f"), file("out/.wh.secret")),
    ],
    expected: {
      d: DIR,
      "d/g": 'file 644 ""',
      link: "symlink -> /d",
      out: "symlink -> /../outside",
    },
  },
  {
    name: "the prefix of a whiteout on a directory is part of its name",
    layers: [tar(dir("etc"), file("etc/f")), tar(file(".wh.etc/f", "x"))],
    expected: {
      etc: DIR,
      "etc/f": 'file 644 ""',
      ".wh.etc": IMPLIED,
      ".wh.etc/f": 'file 644 "x"',
    },
  },
  ...[false, true].map((first) => ({
    name: `an opaque directory hides what is below, its marker ${
      first ? "before" : "behind"
    } its siblings`,
    layers: [
      tar(dir("d"), file("d/a"), dir("d/sub"), file("d/sub/b"), file("e")),
      tar(...[
        ...first ? [file("d/.wh..wh..opq")] : [],
        dir("d", { mode: 0o700 }),
        file("d/new"),
        dir("d/sub"),
        file("d/sub/c"),
        ...first ? [] : [file("d/.wh..wh..opq")],
      ]),
    ],
    expected: {
      d: "directory 700",
      "d/new": 'file 644 ""',
      "d/sub": DIR,
      "d/sub/c": 'file 644 ""',
      e: 'file 644 ""',
    },
  })),
  {
    name: "opaque directories may be nested, and lack entries and parents",
    layers: [
      tar(
        dir("a", { mode: 0o711 }),
        dir("a/b", { mode: 0o722, mtime: 5 }),
        dir("a/b/c", { mode: 0o733 }),
        file("a/b/c/x"),
        file("a/b/y"),
        file("a/z"),
      ),
      tar(
        file("a/b/.wh..wh..opq"),
        file("a/b/c/.wh..wh..opq"),
        file("a/b/c/new"),
        file("nowhere/at/.wh..wh..opq"),
      ),
    ],
    expected: {
      a: "directory 711",
      "a/b": "directory 722 @5",
      "a/b/c": IMPLIED,
      "a/b/c/new": 'file 644 ""',
      "a/z": 'file 644 ""',
    },
  },
  {
    name: "an opaque root hides everything that is below",
    layers: [
      tar(file("a"), dir("d"), file("d/b")),
      tar(file(".wh..wh..opq"), file("new"), dir("d"), file("d/c")),
    ],
    expected: { new: 'file 644 ""', d: DIR, "d/c": 'file 644 ""' },
  },
  ...[[0, 1], [1, 0]].map((order) => ({
    name: `what a layer has itself survives its whiteout, ${
      order[0] === 0 ? "before" : "behind"
    } it`,
    layers: [
      tar(
        file("x", "old"),
        dir("d", { mode: 0o700 }),
        file("d/old"),
        dir("e", { mode: 0o700 }),
        file("e/old"),
      ),
      tar(
        ...order.flatMap((part) =>
          part === 0
            ? [file("x", "new"), dir("d"), file("d/new"), file("e/new")]
            : [file(".wh.x"), file(".wh.d"), file(".wh.e")]
        ),
      ),
    ],
    expected: {
      x: 'file 644 "new"',
      d: DIR,
      "d/new": 'file 644 ""',
      e: IMPLIED,
      "e/new": 'file 644 ""',
    },
  })),
  {
    name: "whiteouts and opaque markers in the lowest layer mean nothing, and cannot be seen",
    layers: [
      tar(
        file(".wh.x"),
        dir("d"),
        file("d/.wh.y"),
        file("d/.wh..wh..opq"),
        file("d/z"),
        file("new/.wh.q"),
      ),
    ],
    expected: { d: DIR, "d/z": 'file 644 ""' },
  },
  {
    name: "a whiteout in a directory that only its layer has cannot be seen",
    layers: [
      tar(file("a")),
      tar(dir("d"), file("d/x"), file("d/.wh.nothing"), file("other/.wh.nothing")),
      tar(file("d/.wh..wh..opq"), file("d/.wh.x"), file("d/y")),
    ],
    expected: { a: 'file 644 ""', d: DIR, "d/y": 'file 644 ""' },
  },
  {
    name: "whiteouts of what was in a directory that the layer replaces mean nothing",
    layers: [
      tar(dir("d"), file("d/f"), dir("d/sub"), file("d/sub/g"), dir("e"), file("e/h")),
      tar(
        file("d", "now a file"),
        file("d/.wh.f"),
        file("d/sub/.wh.g"),
        file("d/.wh..wh..opq"),
        symlink("e", "nowhere"),
        file("e/.wh.h"),
      ),
    ],
    expected: { d: 'file 644 "now a file"', e: "symlink -> nowhere" },
  },
  {
    name: "whiteouts are of what the layers below have, whatever symlinks the layer itself has",
    layers: [
      tar(
        dir("b"),
        file("b/a"),
        file("b/c"),
        symlink("c", "."),
        dir("d"),
        file("d/x"),
        file("stays"),
      ),
      tar(file("c/b/.wh.a"), file("c", "replaced"), symlink("d", "."), file("d/.wh..wh..opq")),
    ],
    expected: {
      b: DIR,
      "b/c": 'file 644 ""',
      c: 'file 644 "replaced"',
      d: "symlink -> .",
      stays: 'file 644 ""',
    },
  },
  {
    name: "what an opaque directory hides has no influence on the layers above",
    layers: [
      tar(dir("d"), dir("d/sub", { mode: 0o700 }), symlink("d/link", "sub"), file("d/a")),
      tar(dir("d"), file("d/.wh..wh..opq")),
      tar(file("d/sub/x"), file("d/link/y"), file("d/.wh.a")),
    ],
    expected: {
      d: DIR,
      "d/sub": IMPLIED,
      "d/sub/x": 'file 644 ""',
      "d/link": IMPLIED,
      "d/link/y": 'file 644 ""',
    },
  },
  {
    name: "what a layer removes a higher one can have again, in a directory of its own",
    layers: [
      tar(dir("d"), file("d/one"), file("f", "1")),
      tar(file(".wh.d"), file(".wh.f")),
      tar(dir("d", { mode: 0o700 }), file("d/three"), file("f", "3")),
    ],
    expected: {
      d: "directory 700",
      "d/three": 'file 644 ""',
      f: 'file 644 "3"',
    },
  },
  {
    name: "nothing in an archive can act as a whiteout or a redirect of overlayfs",
    layers: [
      tar(
        file("hidden", "still here"),
        dir("secret", { mode: 0o700 }),
        file("secret/x"),
        dir("d"),
        file("d/low"),
      ),
      tar(
        device("hidden", 0, 0),
        device("new", 0, 0),
        dir("d", {
          pax: {
            "SCHILY.xattr.trusted.overlay.opaque": "y",
            "SCHILY.xattr.trusted.overlay.redirect": "/secret",
            "SCHILY.xattr.user.overlay.opaque": "y",
            "SCHILY.xattr.trusted.kept": "1",
          },
        }),
        file("f", "", {
          pax: {
            "SCHILY.xattr.trusted.overlay.metacopy": "",
            "SCHILY.xattr.trusted.overlay.redirect": "/secret/x",
            "SCHILY.xattr.user.overlay.whiteout": "y",
          },
        }),
      ),
    ],
    expected: {
      hidden: 'file 644 "still here"',
      secret: "directory 700",
      "secret/x": 'file 644 ""',
      d: 'directory 755 trusted.kept="1"',
      "d/low": 'file 644 ""',
      f: 'file 644 ""',
    },
  },
  {
    name: "a file in a directory that is a symlink below belongs behind the symlink",
    layers: [
      tar(
        dir("usr"),
        dir("usr/lib", { mode: 0o711, mtime: 5 }),
        file("usr/lib/low"),
        symlink("lib", "usr/lib"),
      ),
      tar(file("lib/x", "x"), dir("lib/sub", { mode: 0o700 }), file("lib/sub/y")),
      tar(file("usr/lib/x", "higher"), file("lib/sub/z"), file("lib/.wh.low")),
    ],
    expected: {
      usr: DIR,
      lib: "symlink -> usr/lib",
      "usr/lib": "directory 711 @5",
      "usr/lib/x": 'file 644 "higher"',
      "usr/lib/sub": "directory 700",
      "usr/lib/sub/y": 'file 644 ""',
      "usr/lib/sub/z": 'file 644 ""',
    },
  },
  {
    name:
      "symlinks below are followed through chains, absolute or not, and to places that are not there",
    layers: [
      tar(
        symlink("a", "/b"),
        symlink("b", "c/../d"),
        dir("c"),
        symlink("d", "./e"),
        symlink("gone", "no/where"),
        symlink("out", "../../outside"),
      ),
      tar(file("a/x"), file("gone/y"), file("out/z"), hardLink("a/hard", "gone/y")),
    ],
    expected: {
      a: "symlink -> /b",
      b: "symlink -> c/../d",
      c: DIR,
      d: "symlink -> ./e",
      e: IMPLIED,
      "e/x": 'file 644 ""',
      "e/hard": 'file 644 "" x2',
      gone: "symlink -> no/where",
      no: IMPLIED,
      "no/where": IMPLIED,
      "no/where/y": 'file 644 "" x2',
      out: "symlink -> ../../outside",
      outside: IMPLIED,
      "outside/z": 'file 644 ""',
    },
  },
  {
    name: "an absolute symlink begins at the root wherever it is, in this layer or below",
    layers: [
      tar(dir("d"), symlink("d/low", "/e"), symlink("d/up", "../../e")),
      tar(file("d/low/x"), symlink("d/own", "/f"), file("d/own/y"), file("d/up/z")),
    ],
    expected: {
      d: DIR,
      "d/low": "symlink -> /e",
      "d/own": "symlink -> /f",
      "d/up": "symlink -> ../../e",
      e: IMPLIED,
      "e/x": 'file 644 ""',
      "e/z": 'file 644 ""',
      f: IMPLIED,
      "f/y": 'file 644 ""',
    },
  },
  {
    name: "a symlink leads elsewhere once a directory on its way has been replaced",
    layers: [tar(
      dir("a"),
      dir("a/sub"),
      dir("b"),
      dir("b/c"),
      symlink("link", "a/sub/.."),
      file("link/before"),
      symlink("link/sub", "../b/c"),
      file("link/behind"),
    )],
    expected: {
      a: DIR,
      "a/before": 'file 644 ""',
      "a/sub": "symlink -> ../b/c",
      b: DIR,
      "b/behind": 'file 644 ""',
      "b/c": DIR,
      link: "symlink -> a/sub/..",
    },
  },
  {
    name: "what is moved behind a symlink is put together with what the layer has there",
    layers: [
      tar(dir("usr"), dir("usr/lib"), symlink("lib", "usr/lib")),
      tar(
        file("usr/lib/a", "direct"),
        file("usr/lib/both/c"),
        file("lib/b"),
        dir("lib/both", { mode: 0o700 }),
        file("lib/both/d"),
        dir("usr/lib/was-dir"),
        file("usr/lib/was-dir/x"),
        file("lib/was-dir", "file"),
        file("usr/lib/was-file"),
        file("lib/was-file/y"),
      ),
    ],
    expected: {
      usr: DIR,
      lib: "symlink -> usr/lib",
      "usr/lib": DIR,
      "usr/lib/a": 'file 644 "direct"',
      "usr/lib/b": 'file 644 ""',
      "usr/lib/both": "directory 700",
      "usr/lib/both/c": 'file 644 ""',
      "usr/lib/both/d": 'file 644 ""',
      "usr/lib/was-dir": 'file 644 "file"',
      "usr/lib/was-file": IMPLIED,
      "usr/lib/was-file/y": 'file 644 ""',
    },
  },
  {
    name: "what belongs behind a symlink may take the place of the directory that it came in",
    layers: [
      tar(dir("a"), symlink("a/a", "../a"), dir("c"), symlink("c/c", "."), dir("c/d")),
      tar(file("a/a/a", "now here"), file("c/c/c/x"), file("c/c/d/y")),
    ],
    expected: {
      a: DIR,
      "a/a": 'file 644 "now here"',
      c: DIR,
      "c/c": "symlink -> .",
      "c/d": DIR,
      "c/d/y": 'file 644 ""',
      "c/x": 'file 644 ""',
    },
  },
  {
    name: "a symlink to itself below is no place for a file",
    layers: [tar(symlink("loop", "loop")), tar(file("loop/x"))],
    expected: /too many symlinks/,
  },
  {
    name: "a file below is no place for another one",
    layers: [tar(file("f")), tar(file("f/x"))],
    expected: /Cannot put anything into "f": it is not a directory/,
  },
  {
    name: "a directory with an entry replaces what is below, of any type",
    layers: [
      tar(dir("usr"), symlink("lib", "usr"), file("f")),
      tar(dir("lib"), file("lib/x"), dir("f"), file("f/y")),
    ],
    expected: {
      usr: DIR,
      lib: DIR,
      "lib/x": 'file 644 ""',
      f: DIR,
      "f/y": 'file 644 ""',
    },
  },
  {
    name: "a directory without an entry is as the layers below have it",
    layers: [
      tar(
        dir("./", { mode: 0o711, uid: 1, mtime: 3 }),
        dir("a", {
          mode: 0o1777,
          uid: 2,
          gid: 3,
          mtime: 4,
          pax: { "SCHILY.xattr.trusted.x": "1", mtime: "4.5" },
        }),
        dir("a/b", { mode: 0o2750, uid: 5 }),
      ),
      tar(dir("a/b", { mode: 0o2755, uid: 6 }), file("a/x")),
      tar(file("a/b/y"), file("a/b/new/z")),
    ],
    expected: {
      "/": "directory 711 1:0 @3",
      a: 'directory 1777 2:3 @4.500000000 trusted.x="1"',
      "a/b": "directory 2755 6:0",
      "a/x": 'file 644 ""',
      "a/b/y": 'file 644 ""',
      "a/b/new": IMPLIED,
      "a/b/new/z": 'file 644 ""',
    },
  },
  {
    name: "directories that are missing are made with mode 755",
    layers: [tar(file("a/b/c"))],
    expected: { "/": IMPLIED, a: IMPLIED, "a/b": IMPLIED, "a/b/c": 'file 644 ""' },
  },
  {
    name: "a later entry replaces an earlier one, of whatever type",
    layers: [tar(
      dir("d1"),
      file("d1/x"),
      file("d1", "file"),
      file("f1", "file"),
      dir("f1"),
      file("f1/y"),
      symlink("s1", "d2"),
      dir("d2"),
      dir("s1"),
      file("s1/z"),
      dir("d3"),
      file("d3/w"),
      symlink("d3", "f1"),
      file("d3/v"),
      file("twice", "a long one"),
      file("twice", "short"),
      symlink("s2", "a"),
      symlink("s2", "b"),
      file("dev"),
      device("dev", 1, 3),
      dir("again", { mode: 0o700 }),
      file("again/x"),
      dir("again", { mode: 0o711, mtime: 8 }),
      file("h", "h"),
      hardLink("d1", "h"),
    )],
    expected: {
      d1: 'file 644 "h" x2',
      h: 'file 644 "h" x2',
      f1: DIR,
      "f1/y": 'file 644 ""',
      "f1/v": 'file 644 ""',
      s1: DIR,
      "s1/z": 'file 644 ""',
      d2: DIR,
      d3: "symlink -> f1",
      twice: 'file 644 "short"',
      s2: "symlink -> b",
      dev: "character 644 1/3",
      again: "directory 711 @8",
      "again/x": 'file 644 ""',
    },
  },
  {
    name: "a replaced file leaves its other names alone",
    layers: [tar(file("a", "1"), hardLink("b", "a"), file("a", "2"))],
    expected: { a: 'file 644 "2"', b: 'file 644 "1"' },
  },
  {
    name: "a file is no place for another one of its layer",
    layers: [tar(file("file"), file("file/x"))],
    expected: /"file" is not a directory/,
  },
  {
    name: "the root can only be a directory",
    layers: [tar(symlink("/", "/etc"))],
    expected: /root can only be a directory/,
  },
  {
    name: "set-id bits and capabilities survive the change of owner",
    layers: [tar(
      file("su", "x", { mode: 0o6755, uid: 5, gid: 6 }),
      file("root", "x", { mode: 0o4755 }),
      file("ping", "x", {
        mode: 0o755,
        uid: 7,
        pax: { "SCHILY.xattr.security.capability": CAPABILITY },
      }),
      dir("group", { mode: 0o2775, gid: 8 }),
      file("group/f"),
      dir("group/sub"),
      dir("tmp", { mode: 0o1777 }),
      { path: "fifo", type: "6", mode: 0o4644, uid: 1 },
    )],
    expected: {
      su: 'file 6755 5:6 "x"',
      root: 'file 4755 "x"',
      ping: `file 755 7:0 "x" security.capability=${JSON.stringify(CAPABILITY)}`,
      group: "directory 2775 0:8",
      "group/f": 'file 644 ""',
      "group/sub": DIR,
      tmp: "directory 1777",
      fifo: "fifo 4644 1:0",
    },
  },
  {
    name: "attributes of the machine that built the image are left out, others kept",
    layers: [tar(
      file("f", "", {
        pax: {
          "SCHILY.xattr.security.selinux": "system_u:object_r:etc_t:s0",
          "SCHILY.xattr.system.nfs4_acl": "x",
          "SCHILY.xattr.trusted.binary": "\0\xff",
        },
      }),
      symlink("l", "f", {
        pax: { "SCHILY.xattr.user.impossible": "1", "SCHILY.xattr.trusted.t": "1" },
      }),
    )],
    expected: {
      f: 'file 644 "" trusted.binary="\\u0000ÿ"',
      l: 'symlink -> f trusted.t="1"',
    },
  },
  {
    name: "names are bytes",
    layers: [
      tar(
        file("\xff\xfe", "1"),
        file("\xef\xbb\xbfbom", "2"),
        file("caf\xe9", "3"),
        symlink("link", "\x80\x81"),
        dir("\xe4"),
        file("\xe4/\xf6", "4"),
      ),
      tar(file("\xe4/\xfc", "5"), file(".wh.caf\xe9")),
    ],
    expected: {
      "\xff\xfe": 'file 644 "1"',
      "\xef\xbb\xbfbom": 'file 644 "2"',
      link: "symlink -> \x80\x81",
      "\xe4": DIR,
      "\xe4/\xf6": 'file 644 "4"',
      "\xe4/\xfc": 'file 644 "5"',
    },
  },
  {
    name: "long names, large numbers and times with a fraction are as the archive says",
    layers: [tar(
      file("x", "1", {
        pax: { path: `${"p".repeat(255)}/${"q".repeat(255)}`, mtime: "7.123456789" },
      }),
      symlink("long", "x", { pax: { linkpath: "t/".repeat(1000) } }),
      file("x", "2", { longName: `${"g".repeat(200)}/h` }),
      symlink("gnu", "x", { longTarget: "u/".repeat(1000) }),
      file("uid", "3", {
        format: "gnu",
        raw: { 108: base256(3000000n, 8), 116: base256(4000000n, 8) },
      }),
      file("old", "4", { pax: { mtime: "-5" } }),
      file("far", "5", { pax: { mtime: "99999999999999" } }),
    )],
    expected: {
      ["p".repeat(255)]: IMPLIED,
      [`${"p".repeat(255)}/${"q".repeat(255)}`]: 'file 644 "1" @7.123456789',
      long: `symlink -> ${"t/".repeat(1000)}`,
      ["g".repeat(200)]: IMPLIED,
      [`${"g".repeat(200)}/h`]: 'file 644 "2"',
      gnu: `symlink -> ${"u/".repeat(1000)}`,
      uid: 'file 644 3000000:4000000 "3"',
      old: 'file 644 "4" @0',
      far: 'file 644 "5" @9223372036',
    },
  },
  {
    name: "a size in PAX wins over the one in the header (CVE-2025-62518)",
    layers: [tar(
      file("f", "", { size: 0, data: tarItem(file("hidden")), pax: { size: "512" } }),
      file("g"),
    )],
    expected: {
      f: `file 644 ${JSON.stringify(latin1(tarItem(file("hidden"))))}`,
      g: 'file 644 ""',
    },
  },
  {
    name: "sparse files of all formats have their holes",
    layers: [tar(
      file("old", "abcde", {
        type: "S",
        format: "gnu",
        raw: { 386: octals(3, 2, 10, 3), 483: octals(20) },
      }),
      file("pax-0.0", "abcde", {
        pax: [
          ["GNU.sparse.size", "20"],
          ["GNU.sparse.offset", "3"],
          ["GNU.sparse.numbytes", "2"],
          ["GNU.sparse.offset", "10"],
          ["GNU.sparse.numbytes", "3"],
        ],
      }),
      file("x", "abcde", {
        pax: {
          "GNU.sparse.name": "pax-0.1",
          "GNU.sparse.size": "20",
          "GNU.sparse.map": "3,2,10,3",
        },
      }),
      file("x", "", {
        data: concat(padded("2\n3\n2\n10\n3\n"), padded("abcde").subarray(0, 5)),
        pax: {
          "GNU.sparse.major": "1",
          "GNU.sparse.minor": "0",
          "GNU.sparse.name": "pax-1.0",
          "GNU.sparse.realsize": "20",
        },
      }),
      file("hole", "", { pax: { "GNU.sparse.size": "5", "GNU.sparse.map": "5,0" } }),
    )],
    expected: {
      ...Object.fromEntries(
        ["old", "pax-0.0", "pax-0.1", "pax-1.0"].map((
          name,
        ) => [name, `file 644 ${JSON.stringify("\0\0\0ab\0\0\0\0\0cde\0\0\0\0\0\0\0")}`]),
      ),
      hole: `file 644 ${JSON.stringify("\0\0\0\0\0")}`,
    },
  },
  {
    name: "a global PAX header means nothing",
    layers: [tar(file("pax_global_header", "20 comment=something\n", { type: "g" }), file("f"))],
    expected: { f: 'file 644 ""' },
  },
  {
    name: "layers may be empty",
    layers: [tar(), new Uint8Array(0), tar(file("f")), tar()],
    expected: { f: 'file 644 ""' },
  },
  ...([
    [
      "a device number above 32 bit",
      device("d", 1, 0, { raw: { 337: base256(1n << 32n, 8) } }),
      /device number/,
    ],
    [
      "a negative device number",
      device("d", 1, 0, { raw: { 329: base256(-1n, 8) } }),
      /device number/,
    ],
    ["a type that nobody knows", file("f", "", { type: "Y" }), /unknown type/],
    ["a negative size", file("f", "", { pax: { size: "-1" } }), /size/],
    ["a size of 2^53", file("f", "", { raw: { 124: base256(1n << 53n, 12) } }), /size/],
    ["a bad PAX record", file("f", "", { type: "x", data: "12 path" }), /PAX record/],
    ["a NUL in a PAX path", file("f", "", { pax: { path: "a\0b" } }), /NUL/],
    ["a name of 256 bytes", file("f", "", { pax: { path: "n".repeat(256) } }), /ENAMETOOLONG/],
    [
      "a path of 4,096 bytes",
      file("f", "", { pax: { path: "nn/".repeat(1366) } }),
      /path of more than/,
    ],
    ["a path of 300 levels", file("f", "", { pax: { path: "n/".repeat(300) } }), /levels/],
    ["a header that is not one", new Uint8Array(512).fill(1), /checksum/],
  ] as const).map(([what, item, expected]) => ({
    name: `${what} is refused`,
    layers: [tar(item)],
    expected,
  })),
  {
    name: "symlinks cannot lead deeper than a path can",
    layers: [tar(
      symlink("s", "", { pax: { linkpath: "a/".repeat(200) } }),
      dir("s/x"),
      symlink("s/t", "", { pax: { linkpath: "b/".repeat(200) } }),
      file("s/t/y"),
    )],
    expected: /levels/,
  },
  {
    name: "an archive that ends in the middle of a file is refused",
    layers: [tarItem(file("f", "x".repeat(1000))).slice(0, 1000)],
    expected: /unexpected end of the archive/,
  },
];

function octals(...values: readonly number[]): string {
  return values.map((value) => `${value.toString(8).padStart(11, "0")}\0`).join("");
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
