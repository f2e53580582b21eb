import assert from "node:assert/strict";
import { expandMounts } from "../../src/container/expand_mounts.ts";

/** A directory with files (`name`) and directories (`name/`) in it, for the time of one test. */
function tree(...entries: string[]): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync({ dir: "/tmp" });
  for (const entry of entries) {
    const end = entry.lastIndexOf("/");
    Deno.mkdirSync(`${path}/${entry.slice(0, Math.max(0, end))}`, { recursive: true });
    if (!entry.endsWith("/")) Deno.writeTextFileSync(`${path}/${entry}`, "");
  }
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** What a glob below a directory matches: the names that it is mounted by. */
function matched(path: string, glob: string): string[] {
  return expandMounts([{ inside: "/in", outside: `${path}/${glob}` }]).map(({ inside }) => {
    assert(inside.startsWith("/in/"));
    return inside.slice("/in/".length);
  });
}

Deno.test("a mount without a glob is what it says, a file or a directory", () => {
  using temp = tree("file", "directory/");
  assert.deepEqual(
    expandMounts([
      { inside: "/a", outside: `${temp.path}/file` },
      { inside: "/b", outside: `${temp.path}/directory` },
    ]),
    [
      { inside: "/a", outside: `${temp.path}/file`, kind: "file" },
      { inside: "/b", outside: `${temp.path}/directory`, kind: "directory" },
    ],
  );
});

Deno.test("a mount of a device is a mount of a file", () => {
  assert.deepEqual(expandMounts([{ inside: "/dev/x", outside: "/dev/null" }]), [
    { inside: "/dev/x", outside: "/dev/null", kind: "file" },
  ]);
});

Deno.test("a mount of a symlink is a mount of what it leads to", () => {
  // The sandbox cannot make symlinks; on a machine with a merged /usr this is one to a directory.
  assert.equal(expandMounts([{ inside: "/a", outside: "/bin" }])[0]!.kind, "directory");
});

Deno.test("a mount whose source is missing is an error that names both ends", () => {
  assert.throws(
    () => expandMounts([{ inside: "/in", outside: "/tmp/there is none" }]),
    (error: Error) => {
      assert.equal(
        error.message,
        'Cannot mount "/tmp/there is none" of the machine on "/in" of the container',
      );
      assert(error.cause instanceof Deno.errors.NotFound);
      return true;
    },
  );
});

Deno.test("a glob mounts every match by its own name, sorted", () => {
  using temp = tree("b.conf", "a.conf", "c.txt", "d.conf/");
  assert.deepEqual(expandMounts([{ inside: "/in", outside: `${temp.path}/*.conf` }]), [
    { inside: "/in/a.conf", outside: `${temp.path}/a.conf`, kind: "file" },
    { inside: "/in/b.conf", outside: `${temp.path}/b.conf`, kind: "file" },
    { inside: "/in/d.conf", outside: `${temp.path}/d.conf`, kind: "directory" },
  ]);
});

Deno.test("a glob that matches nothing mounts nothing", () => {
  using temp = tree("a");
  assert.deepEqual(matched(temp.path, "x*"), []);
  assert.deepEqual(matched(temp.path, "missing/*"), []);
  assert.deepEqual(matched(temp.path, "a/*"), []);
  assert.deepEqual(matched(temp.path, "*/a"), []);
});

interface GlobRow {
  readonly glob: string;
  readonly files: readonly string[];
  readonly matches: readonly string[];
}

const globs: readonly GlobRow[] = [
  { glob: "*", files: ["a", ".hidden", "..x"], matches: ["a"] },
  { glob: ".*", files: ["a", ".hidden"], matches: [".hidden"] },
  { glob: "[.]*", files: [".hidden"], matches: [] },
  { glob: "?", files: ["a", "ab", "é", "🐳", "."], matches: ["a", "é", "🐳"] },
  { glob: "a?c", files: ["abc", "ac", "a.c"], matches: ["a.c", "abc"] },
  { glob: "a.*", files: ["a.c", "abc"], matches: ["a.c"] },
  { glob: "my-app*", files: ["my-app", "my-app-2", "myapp"], matches: ["my-app", "my-app-2"] },
  { glob: "a+(b)*", files: ["a+(b)c", "aab"], matches: ["a+(b)c"] },
  { glob: "^$|{}\\*", files: ["^$|{}\\x", "x"], matches: ["^$|{}\\x"] },
  { glob: "*~@#%&=,;:!'\" *", files: ["a~@#%&=,;:!'\" b"], matches: ["a~@#%&=,;:!'\" b"] },
  { glob: "[ab]", files: ["a", "b", "c", "ab"], matches: ["a", "b"] },
  { glob: "[a-c]x", files: ["ax", "bx", "dx", "-x"], matches: ["ax", "bx"] },
  { glob: "[!ab]", files: ["a", "b", "c", "!"], matches: ["!", "c"] },
  { glob: "[^ab]", files: ["a", "b", "c"], matches: ["c"] },
  { glob: "[a^]", files: ["a", "^"], matches: ["^", "a"] },
  { glob: "[]a]", files: ["a", "]", "[]a]"], matches: ["]", "a"] },
  { glob: "[!]a]", files: ["a", "]", "b"], matches: ["b"] },
  { glob: "[*]", files: ["*", "a"], matches: ["*"] },
  { glob: "[?]", files: ["?", "a"], matches: ["?"] },
  { glob: "[[]x", files: ["[x", "x"], matches: ["[x"] },
  { glob: "[a", files: ["[a", "a"], matches: ["[a"] },
  { glob: "x[", files: ["x[", "x"], matches: ["x["] },
  { glob: "[\\]", files: ["\\", "a"], matches: ["\\"] },
  { glob: "[\\d]", files: ["\\", "d", "1"], matches: ["\\", "d"] },
  { glob: "[a&&b]", files: ["a", "&", "b"], matches: ["&", "a", "b"] },
  { glob: "*\n*", files: ["a\nb", "ab"], matches: ["a\nb"] },
  { glob: "a*", files: ["a\nb"], matches: ["a\nb"] },
  { glob: "[]*", files: ["[]x", "x"], matches: ["[]x"] },
  { glob: "[!]*", files: ["[!]x", "x"], matches: ["[!]x"] },
  { glob: "[a-c-]", files: ["-", "b", "d"], matches: ["-", "b"] },
];

for (const { glob, files, matches } of globs) {
  Deno.test(`glob ${JSON.stringify(glob)} matches what a shell's does`, () => {
    using temp = tree(...files.filter((name) => name !== "."));
    assert.deepEqual(matched(temp.path, glob), [...matches].sort());
  });
}

Deno.test("a glob with a range that runs backwards is an error that names it", () => {
  assert.throws(() => matched("/tmp", "[z-a]*"), { message: 'Cannot use "[z-a]*" as a glob' });
});

Deno.test("a glob may stand for directories on the way", () => {
  using temp = tree("a/conf/x", "b/conf/y", "c/other/z", "d", ".e/conf/w");
  assert.deepEqual(matched(temp.path, "*/conf/*"), ["x", "y"]);
  assert.deepEqual(matched(temp.path, "[ab]/conf/x"), ["x"]);
});

Deno.test("a glob is not led astray by a symlink that leads to itself", () => {
  using temp = tree("a/x", "loop/x");
  // The sandbox cannot make symlinks.
  const real = { readDirSync: Deno.readDirSync, statSync: Deno.statSync };
  const throughLoop = (path: string | URL) => {
    if (String(path).includes("/loop")) throw new Deno.errors.FilesystemLoop(String(path));
  };
  Deno.readDirSync = (path) => (throughLoop(path), real.readDirSync(path));
  Deno.statSync = (path) => (throughLoop(path), real.statSync(path));
  try {
    assert.deepEqual(matched(temp.path, "*/x"), ["x"]);
    assert.deepEqual(matched(temp.path, "*/*"), ["x"]);
  } finally {
    Object.assign(Deno, real);
  }
});

Deno.test("a glob with a slash at its end matches directories alone, by their names", () => {
  using temp = tree("file", "directory/");
  assert.deepEqual(expandMounts([{ inside: "/in", outside: `${temp.path}/*/` }]), [
    { inside: "/in/directory", outside: `${temp.path}/directory`, kind: "directory" },
  ]);
});

Deno.test("a glob at the top of the machine is one like any other", () => {
  assert.deepEqual(expandMounts([{ inside: "/in", outside: "/[t]mp" }]), [
    { inside: "/in/tmp", outside: "/tmp", kind: "directory" },
  ]);
});
