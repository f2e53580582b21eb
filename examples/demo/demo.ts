/**
 * The whole product in under a minute: a registry, an image, a container that runs, a push, an upgrade. Everything is on
 * loopback and in memory, and nothing is left behind.
 */
import { pushBusyboxImage } from "../../tests/support/busybox_image.ts";
import { eventually, startFrontloader } from "../../tests/support/frontloader.ts";
import { startRegistry } from "../../tests/support/registry_server.ts";

const step = (text: string) => console.log(`\n== ${text}`);

/** A web server that answers with its version, and ends on TERM. The port may still be its predecessor's for a moment. */
function startScript(version: number, port: number): string {
  return `#!/bin/sh
trap 'echo "version ${version} got TERM and ends"; exit 0' TERM
while :; do
  httpd -f -p 127.0.0.1:${port} -h /www 2>/dev/null & server=$!
  wait $server
  sleep 0.1
done
`;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const port = freePort();
const directory = await Deno.makeTempDir({ prefix: "frontloader-demo." });
const registry = startRegistry();

async function push(version: number): Promise<void> {
  const digest = await pushBusyboxImage(registry, {
    repository: "demo/web",
    tag: "latest",
    files: {
      "/www/index.html": `This is version ${version}.\n`,
      "/start": { contents: startScript(version, port), mode: 0o755 },
    },
    entrypoint: ["/start"],
  });
  console.log(`pushed ${registry.host}/demo/web:latest, ${digest}`);
}

async function answer(version: number): Promise<string> {
  return await eventually(`version ${version} answers`, async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    return text.includes(`version ${version}`) ? text.trim() : undefined;
  });
}

try {
  step(`A registry runs on ${registry.origin}; version 1 is pushed to it`);
  await push(1);

  step("This is all the configuration");
  const configuration = `${directory}/demo.jsonc`;
  await Deno.writeTextFile(
    configuration,
    `{
  // one container; a push to its tag is the whole deploy
  "container": {
    "id": "web",
    "manifest": "${registry.origin}/v2/demo/web/manifests/latest",
  },
  "checkInterval": 10,
}
`,
  );
  console.log((await Deno.readTextFile(configuration)).trimEnd());

  step("Frontloader starts");
  await using frontloader = startFrontloader({
    args: ["-c", configuration],
    runDirectory: `${directory}/run`,
    onLine: console.log,
  });
  console.log(`GET http://127.0.0.1:${port}/ -> ${await answer(1)}`);

  step("Version 2 is pushed, and Frontloader asked to look at once instead of in ten seconds");
  await push(2);
  console.log(await frontloader.ask("update"));
  console.log(`GET http://127.0.0.1:${port}/ -> ${await answer(2)}`);
  await frontloader.waitForLine(/Instance 1 ended/);

  step("frontloader status");
  console.log(await frontloader.ask("status"));

  step("Frontloader gets TERM");
  const { code } = await frontloader.stop();
  if (code !== 0) throw new Error(`Frontloader ended with exit status ${code}`);
} finally {
  await registry.close();
  await Deno.remove(directory, { recursive: true });
}

step("Nothing is left behind");
const left = (await Deno.readTextFile("/proc/self/mountinfo")).split("\n").filter((line) =>
  line.includes(directory)
);
const roots = Array.from(Deno.readDirSync("/tmp"), ({ name }) => name).filter((name) =>
  name.startsWith("frontloader.")
);
console.log(`mounts: ${left.length}, root file systems: ${roots.length}`);
if (left.length + roots.length > 0) Deno.exit(1);
