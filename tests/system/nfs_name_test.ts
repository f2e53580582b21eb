import assert from "node:assert/strict";
import { commandText } from "../support/command.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("an NFS server's name is looked up at each try: it may have moved", async () => {
  using directory = new TemporaryDirectory();
  const hosts = `${directory.path}/hosts`;
  Deno.writeTextFileSync(hosts, "");
  // Nobody listens on this port, so that this machine need not have NFS.
  const volume = {
    path: `${directory.path}/volume`,
    device: "nfs.test:/data",
    fstype: "nfs4",
    options: "port=1",
  };
  const script = `
    import { mountNfs } from "${ROOT}src/volumes/nfs.ts";
    for (const address of ["127.0.0.2", "127.0.0.3"]) {
      Deno.writeTextFileSync("${hosts}", address + " nfs.test\\n");
      await mountNfs(${
    JSON.stringify(volume)
  }, () => {}).catch(({ cause }) => console.log(cause.message));
    }
  `;
  const own = 'mount --bind "$0" /etc/hosts && exec "$@"';
  const text = await commandText([
    ...["unshare", "--mount", "sh", "-c", own, hosts],
    ...[Deno.execPath(), "eval", "--quiet", script],
  ], { cwd: ROOT });
  assert.match(text, /^127\.0\.0\.2: .*refused.*\n127\.0\.0\.3: .*refused.*\n$/);
});
