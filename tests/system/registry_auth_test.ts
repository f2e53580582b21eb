import assert from "node:assert/strict";
import { runCommand } from "../support/command.ts";
import { type DockerRegistryAuth, startDockerRegistry } from "../support/docker_registry.ts";
import { eventually, type RunningFrontloader } from "../support/frontloader.ts";
import { runFrontloader } from "../support/frontloader_command.ts";
import { containerStatus, FrontloaderFixture, untilTerm } from "../support/frontloader_fixture.ts";
import { type LocalImage, pushImage } from "../support/local_image.ts";
import { ProcessWatch } from "../support/machine_facts.ts";
import { makeBusyboxImage } from "../support/real_images.ts";
import { startTokenServer } from "../support/token_server.ts";

const credentials = { username: "deploy", password: "correct horse ü battery" };
const { username, password } = credentials;

/** What must not be seen of the credentials: the password, and how it crosses the network. */
const SECRETS = [
  password,
  new TextEncoder().encode(`${username}:${password}`).toBase64(),
];

function assertNoSecret(texts: Iterable<string>, secrets: readonly string[] = SECRETS): void {
  for (const text of texts) {
    for (const secret of secrets) assert(!text.includes(secret), text);
  }
}

/** The same layers with another configuration, and so another digest. */
async function changed(image: LocalImage, value: string): Promise<LocalImage> {
  await runCommand([
    "umoci",
    "config",
    `--image=${image.layout}:${image.tag}`,
    `--tag=${value}`,
    `--config.env=VERSION=${value}`,
  ]);
  return { ...image, tag: value };
}

/** A configuration with one container, that says which version of the image it runs. */
function configuration(origin: string, docker: object): object {
  return {
    docker,
    container: {
      id: "web",
      manifest: `${origin}/v2/private/web/manifests/latest`,
      command: untilTerm("version $VERSION"),
    },
  };
}

for (const type of ["token", "basic"] as const) {
  Deno.test(`${type} authentication: pulled, run and upgraded, and no secret is to be seen`, async () => {
    await using tokens = await startTokenServer(credentials);
    const auth: DockerRegistryAuth = type === "basic"
      ? { type, ...credentials }
      : { type, server: tokens };
    await using registry = await startDockerRegistry(auth);
    await using fixture = new FrontloaderFixture();
    const image = await makeBusyboxImage(fixture.directory);
    const target = { host: registry.host, repository: "private/web", tag: "latest", credentials };
    await pushImage(await changed(image, "1"), target);

    fixture.configure(configuration(registry.origin, credentials));
    const frontloader = fixture.start();
    await using watch = new ProcessWatch(frontloader.pid);
    await frontloader.waitForLine(/ web\| version 1$/);
    await pushImage(await changed(image, "2"), target);
    assert.match(await frontloader.ask("update"), /^web: a new release/);
    await frontloader.waitForLine(/ web\| version 2$/);
    await frontloader.waitForLine(/ web: Instance 1 ended: exit status 0/);

    const isOurs = /"(HEAD|GET) \/v2\/private\/web\/\S* HTTP\/1.1" 200 .*"(?!skopeo)[^"]*"$/;
    assert(registry.lines.some((line) => isOurs.test(line) && line.includes("HEAD")));
    assert(registry.lines.some((line) => isOurs.test(line) && line.includes("/blobs/")));
    if (type === "token") {
      assert(
        tokens.requests.some(({ scopes, username }) =>
          username === "deploy" && scopes.includes("repository:private/web:pull")
        ),
      );
    }
    const secrets = [...SECRETS, ...tokens.tokens];
    assertNoSecret(frontloader.lines, secrets);
    assertNoSecret([await frontloader.ask("status", "--json")], secrets);
    assert([...watch.texts].some((text) => text.includes("__pull")), "no pull was seen");
    assertNoSecret(watch.texts, secrets);
  });

  Deno.test(`${type} authentication: a wrong password is a clear error without it, and a right one mends it`, async () => {
    await using tokens = await startTokenServer(credentials);
    const auth: DockerRegistryAuth = type === "basic"
      ? { type, ...credentials }
      : { type, server: tokens };
    await using registry = await startDockerRegistry(auth);
    await using fixture = new FrontloaderFixture();
    const image = await changed(await makeBusyboxImage(fixture.directory), "1");
    const { host, origin } = registry;
    await pushImage(image, { host, repository: "private/web", tag: "latest", credentials });
    const wrong = { username, password: "wrong-and-secret" };
    const secrets = [wrong.password, btoa(`${username}:${wrong.password}`)];

    fixture.configure(configuration(origin, wrong));
    const frontloader = fixture.start();
    const { lastError } = await failed(frontloader);
    assert.match(lastError!.message, /private\/web:latest.*401/s);
    assertNoSecret(frontloader.lines, secrets);
    assertNoSecret([await frontloader.ask("status", "--json")], secrets);

    fixture.configure(configuration(origin, credentials));
    Deno.kill(frontloader.pid, "SIGHUP");
    await frontloader.waitForLine(/ web\| version 1$/);
    assertNoSecret(frontloader.lines);
  });
}

function failed(frontloader: RunningFrontloader) {
  return eventually("the pull has failed", async () => {
    const status = await containerStatus(frontloader, "web");
    return status.lastError === undefined ? undefined : status;
  });
}

Deno.test("pull gets a public image with an anonymous token, and a private one with what docker login stored", async () => {
  await using tokens = await startTokenServer({
    ...credentials,
    publicRepositories: ["public/web"],
  });
  await using registry = await startDockerRegistry({ type: "token", server: tokens });
  await using fixture = new FrontloaderFixture();
  const image = await makeBusyboxImage(fixture.directory);
  const { host, origin } = registry;
  for (const repository of ["public/web", "private/web"]) {
    await pushImage(image, { host, repository, tag: "latest", credentials });
  }
  const target = `${fixture.directory}/target`;
  Deno.mkdirSync(target);
  const auths = { [host]: { auth: SECRETS[1] } };
  Deno.writeTextFileSync(`${fixture.directory}/config.json`, JSON.stringify({ auths }));
  const { runDirectory, directory } = fixture;
  const pull = (repository: string, DOCKER_CONFIG: string) =>
    runFrontloader(["pull", `${origin}/${repository}`, target], {
      runDirectory,
      env: { DOCKER_CONFIG },
    });

  const rows = [
    { repository: "public/web", config: "/nonexistent", code: 0 },
    { repository: "private/web", config: "/nonexistent", code: 1 },
    { repository: "private/web", config: directory, code: 0 },
  ];
  for (const { repository, config, code } of rows) {
    const { stderr, stdout, ...result } = await pull(repository, config);
    assert.equal(result.code, code, stderr);
    assertNoSecret([stdout, stderr], [...SECRETS, ...tokens.tokens]);
    if (code === 0) await runCommand(["umount", target]);
    else assert.match(stderr, /private\/web.*\n.*401/);
  }
  const asked = tokens.requests.filter(({ scopes }) =>
    scopes.every((scope) => !/push/.test(scope))
  );
  assert.deepEqual(
    [...new Set(asked.map(({ scopes, username }) => `${scopes} by ${username}`))],
    [
      "repository:public/web:pull by undefined",
      "repository:private/web:pull by undefined",
      "repository:private/web:pull by deploy",
    ],
  );
});
