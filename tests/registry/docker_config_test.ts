import assert from "node:assert/strict";
import { dockerCredentials } from "../../src/registry/docker_config.ts";

/** Calls `use` with an environment whose docker configuration is `contents`. */
function withConfig(contents: string, use: (env: Record<string, string>) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${directory}/config.json`, contents);
    use({ DOCKER_CONFIG: directory });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const login = (username: string, password: string) => ({
  auth: new TextEncoder().encode(`${username}:${password}`).toBase64(),
});

const stored = JSON.stringify({
  auths: {
    "registry.example:5000": login("me", "se:cret"),
    "https://index.docker.io/v1/": login("hub", "password"),
    "helper.example": {},
  },
});

const rows: readonly [string, string, { username: string; password: string } | undefined][] = [
  ["a registry with a port", "https://registry.example:5000", {
    username: "me",
    password: "se:cret",
  }],
  ["another port of it", "https://registry.example", undefined],
  ["Docker Hub", "https://registry-1.docker.io", { username: "hub", password: "password" }],
  ["a registry with a credential helper", "https://helper.example", undefined],
  ["an unknown registry", "https://other.example", undefined],
];
for (const [name, origin, expected] of rows) {
  Deno.test(`docker login's credentials for ${name} are ${expected ? "found" : "not there"}`, () => {
    withConfig(stored, (env) => assert.deepEqual(dockerCredentials(origin, env), expected));
  });
}

Deno.test("no docker configuration is no credentials", () => {
  assert.equal(dockerCredentials("https://registry.example", {}), undefined);
  assert.equal(dockerCredentials("https://registry.example", { HOME: "/nonexistent" }), undefined);
});

for (
  const contents of [
    '{"auths": {"registry.example": {"auth": "topsecret!"}}}',
    '{"auths": topsecret',
  ]
) {
  Deno.test(`a docker configuration that is broken is an error that shows nothing of it: ${contents[10]}`, () => {
    withConfig(contents, (env) => {
      assert.throws(() => dockerCredentials("https://registry.example", env), (error: Error) => {
        assert.match(error.message, /^Cannot read the registry credentials/);
        assert(!Deno.inspect(error).includes("topsecret"));
        return true;
      });
    });
  });
}
