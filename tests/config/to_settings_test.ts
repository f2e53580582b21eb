import assert from "node:assert/strict";
import { parsePrimary } from "../../src/config/parse.ts";
import type { ContainerSettings } from "../../src/config/settings.ts";

/** The settings of the one container with the given keys. */
function settingsOf(keys: string): ContainerSettings {
  return parsePrimary(`{"container": {"manifest": "nginx", ${keys}}}`, "f").containers[0]!;
}

Deno.test("an empty configuration is valid, and runs nothing", () => {
  assert.deepEqual(parsePrimary("{}", "f"), {
    containers: [],
    checkInterval: 600,
    reloadInterval: 300,
  });
});

Deno.test("a container has defaults for everything but its manifest", () => {
  assert.deepEqual(settingsOf(""), {
    id: "container",
    image: { origin: "https://registry-1.docker.io", repository: "library/nginx", tag: "latest" },
    uid: 0,
    gid: 0,
    groups: [0],
    seccomp: true,
    mounts: [],
    environment: {},
    stopDelay: 0,
    disabled: false,
  });
});

Deno.test("a container's settings are what its keys say, in one form", () => {
  const settings = settingsOf(`
    "id": "web", "command": ["a", "b"], "uid": 1, "gid": 2, "groups": [3], "hostname": "h",
    "capabilities": ["SYS_NICE", "CAP_CHOWN", "CHOWN"], "mounts": {"/b": "/y", "/a": "/x"},
    "docker": {"username": "u", "password": "p"}, "stopDelay": 4, "disabled": true,
    "seccomp": false`);
  assert.deepEqual(settings, {
    id: "web",
    image: { origin: "https://registry-1.docker.io", repository: "library/nginx", tag: "latest" },
    credentials: { username: "u", password: "p" },
    command: ["a", "b"],
    uid: 1,
    gid: 2,
    groups: [3],
    capabilities: ["CAP_CHOWN", "CAP_SYS_NICE"],
    seccomp: false,
    mounts: [{ inside: "/b", outside: "/y" }, { inside: "/a", outside: "/x" }],
    environment: {},
    hostname: "h",
    stopDelay: 4,
    disabled: true,
  });
});

Deno.test("a command that is a string is run by a shell", () => {
  assert.deepEqual(settingsOf('"command": "a b"').command, ["/bin/sh", "-c", "a b"]);
});

Deno.test("the group is the only supplementary group unless some are given", () => {
  assert.deepEqual(settingsOf('"gid": 5').groups, [5]);
  assert.deepEqual(settingsOf('"gid": 5, "groups": []').groups, []);
});

Deno.test("-0 is 0", () => {
  assert.ok(Object.is(settingsOf('"uid": -0').uid, 0));
});

Deno.test("variables are strings as they are, and JSON of everything else", () => {
  const { environment } = settingsOf(`"environment": {
    "S": " x ", "N": 1.50, "Z": -0, "T": true, "L": [1, "a", null], "O": {"b": {"c": "\\u0000\\ud800"}},
    "__proto__": "p", "constructor": {"__proto__": 1}
  }`);
  assert.deepEqual(Object.entries(environment), [
    ["S", " x "],
    ["N", "1.5"],
    ["Z", "0"],
    ["T", "true"],
    ["L", '[1,"a",null]'],
    ["O", '{"b":{"c":"\\u0000\\ud800"}}'],
    ["__proto__", "p"],
    ["constructor", '{"__proto__":1}'],
  ]);
  assert.equal(Object.getPrototypeOf(environment), Object.prototype);
});

Deno.test("global credentials are for the containers that say nothing of theirs", () => {
  const { containers } = parsePrimary(
    `{
      "docker": {"username": "u", "password": "p"},
      "containers": [
        {"id": "a", "manifest": "x"},
        {"id": "b", "manifest": "x", "docker": {"username": "v", "password": "q"}},
        {"id": "c", "manifest": "x", "docker": {}},
      ],
    }`,
    "f",
  );
  assert.deepEqual(containers.map(({ credentials }) => credentials), [
    { username: "u", password: "p" },
    { username: "v", password: "q" },
    undefined,
  ]);
});
