import assert from "node:assert/strict";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Names between the first match's parentheses. */
function names(path: string, pattern: RegExp): string[] {
  const [, list = ""] = pattern.exec(Deno.readTextFileSync(ROOT + path)) ?? [];
  return list.split(/[\s\\]+/).filter((name) => name !== "");
}

Deno.test("the Dockerfile installs what both builds would install", () => {
  const installed = names("Dockerfile", /--no-install-recommends((?:[^\n]*\\\n)*[^\n]*)/);
  const wanted = [
    ...names("build/buildroot.sh", /^BUILDROOT_PACKAGES=\(([^)]*)\)/m),
    ...names("build/quick.sh", /^ *need_packages (.*)$/m),
    ...names("build.sh", /^ *need_packages (curl .*)$/m),
  ];
  assert(wanted.length > 20);
  assert.deepEqual(wanted.filter((name) => !installed.includes(name)), []);
});
