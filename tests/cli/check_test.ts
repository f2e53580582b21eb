import assert from "node:assert/strict";
import { check } from "../../src/cli/check.ts";

interface Outcome {
  readonly status: number;
  readonly log: readonly string[];
  readonly error: readonly string[];
}

function run(...args: string[]): Promise<Outcome> {
  return runIn({}, ...args);
}

/** Runs it in an environment. */
async function runIn(environment: Record<string, string>, ...args: string[]): Promise<Outcome> {
  const log: string[] = [];
  const error: string[] = [];
  const output = {
    log: (line: string) => void log.push(line),
    error: (line: string) => void error.push(line),
  };
  const status = await check(args, output, environment);
  return { status, log, error };
}

async function withFiles(
  texts: Record<string, string>,
  test: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(texts)) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const valid: readonly [text: string, understood: string][] = [
  ["{}", "valid primary configuration, 0 containers"],
  ['{"container": {"manifest": "nginx"}}', "valid primary configuration, 1 container"],
  [
    '{"containers": [{"id": "a", "manifest": "x"}, {"id": "b", "manifest": "x"}]}',
    "valid primary configuration, 2 containers",
  ],
  [
    '{"url": "https://u:p@example.com/a?b"}',
    "valid meta configuration, the primary configuration is https://example.com/a",
  ],
  [
    '{"type": "aws-s3", "bucket": "abc", "key": "d", "region": "eu-west-1"}',
    'valid meta configuration, the primary configuration is object "s3://abc/d" in eu-west-1',
  ],
];

for (const [text, understood] of valid) {
  Deno.test(`check says of ${text}: ${understood}`, async () => {
    await withFiles({ "a.jsonc": text }, async (directory) => {
      assert.deepEqual(await run(`${directory}/a.jsonc`), {
        status: 0,
        log: [`${directory}/a.jsonc: ${understood}`],
        error: [],
      });
    });
  });
}

Deno.test("check goes through all files, and prints each problem on its own line", async () => {
  const texts = {
    a: '{"container": {"manifst": "x", "uid": -1}}',
    b: "{}",
    m: '{"type": "aws-sm"}',
  };
  await withFiles(texts, async (directory) => {
    const path = (name: string) => `${directory}/${name}`;
    assert.deepEqual(await run(path("a"), path("gone"), path("b"), path("m")), {
      status: 1,
      log: [`${path("b")}: valid primary configuration, 0 containers`],
      error: [
        `${path("a")}:1:16: container.manifst: unknown key, did you mean "manifest"?`,
        `${path("a")}:1:39: container.uid: expected a whole number from 0 to 4294967294, found -1`,
        `Cannot load the configuration "${path("gone")}": No such file or directory`,
        `${path("m")}:1:1: missing key "secretId", expected the name or ARN of a secret`,
        `${path("m")}:1:1: missing key "region", expected the name of an AWS region`,
      ],
    });
  });
});

Deno.test("check loads URLs, and shows them without credentials and query", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    return request.headers.has("authorization")
      ? new Response('{"checkInterval": 0}')
      : new Response(null, { status: 401 });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  try {
    assert.deepEqual(await run(`http://u:p@${host}/a?b`, `http://${host}/c?d`), {
      status: 1,
      log: [],
      error: [
        `http://${host}/a:1:19: checkInterval: expected a whole number from 1 to 604800, found 0`,
        `Cannot load the configuration "http://${host}/c": the server answered with status 401`,
      ],
    });
  } finally {
    await server.shutdown();
  }
});

Deno.test("check without a file, or with an option that it does not have, is a usage error", async () => {
  await assert.rejects(run(), { name: "UsageError" });
  await assert.rejects(run("--nonsense", "a"), { code: "ERR_PARSE_ARGS_UNKNOWN_OPTION" });
});

Deno.test("check --resolve follows a meta configuration, and checks what it names", async () => {
  await withFiles({ good: '{"checkInterval": 5}', bad: '{"checkInterval": 0}' }, async (path) => {
    const named = async (name: string) => {
      await Deno.writeTextFile(`${path}/meta`, `{"url": "${path}/${name}"}`);
      return await run("--resolve", `${path}/meta`, `${path}/good`);
    };
    const understood = (name: string) =>
      `${path}/meta: valid meta configuration, the primary configuration is ${path}/${name}`;
    const primary = `${path}/good: valid primary configuration, 0 containers`;
    assert.deepEqual(await named("good"), {
      status: 0,
      log: [understood("good"), primary, primary],
      error: [],
    });
    assert.deepEqual(await named("bad"), {
      status: 1,
      log: [understood("bad"), primary],
      error: [
        `${path}/bad:1:19: checkInterval: expected a whole number from 1 to 604800, found 0`,
      ],
    });
    assert.deepEqual(await named("gone"), {
      status: 1,
      log: [understood("gone"), primary],
      error: [`Cannot load the configuration "${path}/gone": No such file or directory`],
    });
  });
});

Deno.test("check --resolve alone checks what run would use", async () => {
  await withFiles({ good: "{}", meta: "{" }, async (path) => {
    assert.deepEqual(await runIn({ FL_URL: `${path}/good` }, "--resolve"), {
      status: 0,
      log: [`${path}/good: valid primary configuration, 0 containers`],
      error: [],
    });
    const { status, error } = await runIn({ FL_META_CONFIG: `${path}/meta` }, "--resolve");
    assert.equal(status, 1);
    assert.match(error.join(), /meta:1:2: /);
  });
  await assert.rejects(run("--resolve"), { name: "UsageError" });
});
