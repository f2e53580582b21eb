import assert from "node:assert/strict";
import { parsePrimary } from "../../src/config/parse.ts";
import { type ContainerSettings, sameContainer } from "../../src/config/settings.ts";

function settings(keys: string): ContainerSettings {
  const text = `{"container": {"manifest": "a", ${keys}}}`;
  return parsePrimary(text, "f").containers[0]!;
}

const base =
  '"uid": 1, "mounts": {"/a": "/x", "/b": "/y"}, "environment": {"A": "1", "B": "2"}, "command": ["a"]';

const pairs: readonly [what: string, a: string, b: string, same: boolean][] = [
  ["nothing differs", base, base, true],
  [
    "only the order of variables differs",
    base,
    base.replace('"A": "1", "B": "2"', '"B": "2", "A": "1"'),
    true,
  ],
  ["a variable is written as a number", base, base.replace('"1"', "1"), true],
  [
    "a default is written out",
    "",
    '"uid": 0, "groups": [0], "seccomp": true, "disabled": false',
    true,
  ],
  [
    "capabilities are written in another way",
    '"capabilities": ["CHOWN", "KILL"]',
    '"capabilities": ["CAP_KILL", "CAP_CHOWN"]',
    true,
  ],
  ["it has credentials now", base, `${base}, "docker": {"username": "u", "password": "p"}`, true],
  ["it is disabled now", base, `${base}, "disabled": true`, true],
  ["a variable differs", base, base.replace('"1"', '"3"'), false],
  ["a variable is gone", base, base.replace(', "B": "2"', ""), false],
  [
    "the order of mounts differs",
    base,
    base.replace('"/a": "/x", "/b": "/y"', '"/b": "/y", "/a": "/x"'),
    false,
  ],
  ["the command differs", base, base.replace('["a"]', '["a", "b"]'), false],
  ["the command is gone", base, base.replace(', "command": ["a"]', ""), false],
  ["the user differs", base, base.replace('"uid": 1', '"uid": 2'), false],
  ["the group differs", '"groups": []', '"groups": [], "gid": 1', false],
  ["the groups differ", '"groups": [1]', '"groups": [2]', false],
  ["it has no capabilities now", "", '"capabilities": []', false],
  ["system calls are not filtered now", "", '"seccomp": false', false],
  ["the host name differs", '"hostname": "a"', '"hostname": "b"', false],
  ["a limit differs", "", '"limits": {"pids": 5}', false],
  [
    "a limit is written in another way",
    '"limits": {"memory": "1K"}',
    '"limits": {"memory": 1024}',
    true,
  ],
  ["only the stop delay differs", "", '"stopDelay": 1', true],
  ["only the jobs differ", "", '"cron": [{"schedule": "@daily", "command": "a"}]', true],
  ["only the final signal differs", "", '"finalSignal": "INT"', true],
  [
    "only the order of end and start differs",
    "",
    '"stopBeforeStart": true, "stopTimeout": 1',
    true,
  ],
  ["the id differs", '"id": "a"', '"id": "b"', false],
];

for (const [what, a, b, same] of pairs) {
  Deno.test(`an instance ${same ? "stays" : "is replaced"} if ${what}`, () => {
    assert.equal(sameContainer(settings(a), settings(b)), same);
    assert.equal(sameContainer(settings(b), settings(a)), same);
  });
}

Deno.test("an instance is replaced if the image differs", () => {
  const a = settings("");
  assert.equal(sameContainer(a, { ...a, image: { ...a.image, tag: "b" } }), false);
});
