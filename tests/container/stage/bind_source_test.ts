import assert from "node:assert/strict";
import { bindSources } from "../../../src/container/stage/bind_source.ts";

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
  return bindSources({ inside: "/in", outside: `${path}/${glob}` }).map(({ path }) => {
    assert(path.startsWith("/in/"));
    return path.slice("/in/".length);
  });
}

Deno.test("a source without a glob is what it says, there or not", () => {
  assert.deepEqual(bindSources({ inside: "/in", outside: "/tmp/there is none" }), [
    { path: "/in", source: "/tmp/there is none" },
  ]);
});

Deno.test("a glob mounts every match by its own name, sorted", () => {
  using temp = tree("b.conf", "a.conf", "c.txt", "d.conf/");
  assert.deepEqual(bindSources({ inside: "/in", outside: `${temp.path}/*.conf` }), [
    { path: "/in/a.conf", source: `${temp.path}/a.conf` },
    { path: "/in/b.conf", source: `${temp.path}/b.conf` },
    { path: "/in/d.conf", source: `${temp.path}/d.conf` },
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
  assert.deepEqual(bindSources({ inside: "/in", outside: `${temp.path}/*/` }), [
    { path: "/in/directory", source: `${temp.path}/directory` },
  ]);
});

Deno.test("a glob at the top of the machine is one like any other", () => {
  assert.deepEqual(bindSources({ inside: "/in", outside: "/[t]mp" }), [
    { path: "/in/tmp", source: "/tmp" },
  ]);
});
