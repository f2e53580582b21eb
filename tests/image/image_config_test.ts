import assert from "node:assert/strict";
import { parseImageConfig } from "../../src/image/image_config.ts";

const DIFF_ID = `sha256:${"d".repeat(64)}`;
const rootfs = { type: "layers", diff_ids: [DIFF_ID] };

function parse(document: unknown, layers = 1) {
  return parseImageConfig(new TextEncoder().encode(JSON.stringify(document)), layers);
}

function messages(error: unknown): string {
  return error instanceof Error ? `${error.message}: ${messages(error.cause)}` : "";
}

Deno.test("what an image says of how it is run is read", () => {
  const document = {
    os: "linux",
    architecture: "amd64",
    rootfs,
    history: [],
    config: {
      Env: ["PATH=/bin", "A=b=c"],
      Entrypoint: ["/entry"],
      Cmd: ["arg"],
      WorkingDir: "/work",
      User: "1000:1000",
      StopSignal: "SIGQUIT",
      Labels: { commit: "abc", odd: null },
      ExposedPorts: { "80/tcp": {} },
    },
  };
  assert.deepEqual(parse(document), {
    os: "linux",
    architecture: "amd64",
    diffIds: [DIFF_ID],
    config: {
      env: ["PATH=/bin", "A=b=c"],
      entrypoint: ["/entry"],
      cmd: ["arg"],
      workingDir: "/work",
      user: "1000:1000",
      stopSignal: "SIGQUIT",
      labels: { commit: "abc" },
    },
  });
});

Deno.test("what is missing or null is empty", () => {
  const expected = {
    os: "",
    architecture: "",
    diffIds: [DIFF_ID],
    config: { env: [], entrypoint: [], cmd: [], workingDir: "", user: "" },
  };
  const nulls = { Env: null, Entrypoint: null, Cmd: null, WorkingDir: null, User: null };
  for (const config of [undefined, null, {}, nulls]) {
    assert.deepEqual(parse({ rootfs, config }), expected);
  }
});

Deno.test("a configuration that is not one is refused with the reason", () => {
  const rows: [string, unknown, RegExp][] = [
    ["a list", [], /not a JSON object/],
    ["no layers", {}, /rootfs.type/],
    ["other layers", { rootfs: { type: "snapshots", diff_ids: [] } }, /rootfs.type/],
    [
      "too few DiffIDs",
      { rootfs: { type: "layers", diff_ids: null } },
      /0 DiffIDs, but the manifest has 1/,
    ],
    [
      "a DiffID that is none",
      { rootfs: { type: "layers", diff_ids: ["sha256:x"] } },
      /as a digest/,
    ],
    [
      "a command that is a string",
      { rootfs, config: { Cmd: "sh" } },
      /"Cmd" is not a list of strings/,
    ],
    [
      "an environment of numbers",
      { rootfs, config: { Env: [1] } },
      /"Env" is not a list of strings/,
    ],
    [
      "a directory that is a list",
      { rootfs, config: { WorkingDir: ["/"] } },
      /"WorkingDir" is not/,
    ],
    ["a config that is a list", { rootfs, config: [] }, /"config" is not an object/],
  ];
  for (const [name, document, expected] of rows) {
    assert.throws(() => parse(document), (error) => expected.test(messages(error)), name);
  }
});
