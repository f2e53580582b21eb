import assert from "node:assert/strict";
import { machineFiles } from "../../src/container/machine_files.ts";

/** Makes the machine's `/etc` hold these files alone, and its host name another, until it is disposed of. */
function machine(files: Record<string, string>, hostname = "machine"): Disposable {
  const real = { readTextFileSync: Deno.readTextFileSync, hostname: Deno.hostname };
  Deno.hostname = () => hostname;
  Deno.readTextFileSync = (path) => {
    const contents = files[String(path)];
    if (contents === undefined) throw new Deno.errors.NotFound(String(path));
    return contents;
  };
  return { [Symbol.dispose]: () => void Object.assign(Deno, real) };
}

/** Their contents by path; all are root's, and everybody may read them. */
function contentsFor(hostname: string | undefined): Record<string, string> {
  return Object.fromEntries(
    machineFiles(hostname).map(({ path, contents, ...attributes }) => {
      assert.deepEqual(attributes, { uid: 0, gid: 0, mode: 0o644 });
      return [path, contents];
    }),
  );
}

Deno.test("a container has the machine's names", () => {
  using _ = machine({
    "/etc/hosts": "127.0.0.1 localhost\n10.0.0.1 db",
    "/etc/resolv.conf": "nameserver 10.0.0.2\n",
  });
  assert.deepEqual(contentsFor(undefined), {
    "/etc/hosts": "127.0.0.1 localhost\n10.0.0.1 db",
    "/etc/resolv.conf": "nameserver 10.0.0.2\n",
    "/etc/hostname": "machine\n",
  });
});

Deno.test("a container with a host name of its own can look it up", () => {
  using _ = machine({ "/etc/hosts": "127.0.0.1 localhost" });
  const files = contentsFor("web-1");
  assert.equal(files["/etc/hosts"], "127.0.0.1 localhost\n127.0.1.1\tweb-1\n");
  assert.equal(files["/etc/hostname"], "web-1\n");
});

Deno.test("on a machine without these files a container can still look up localhost", () => {
  using _ = machine({});
  assert.deepEqual(contentsFor("web"), {
    "/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\tweb\n",
    "/etc/resolv.conf": "",
    "/etc/hostname": "web\n",
  });
});

Deno.test("a file of the machine that cannot be read is an error", () => {
  using _ = machine({});
  Deno.readTextFileSync = () => {
    throw new Deno.errors.PermissionDenied("no");
  };
  assert.throws(() => machineFiles("web"), Deno.errors.PermissionDenied);
});
