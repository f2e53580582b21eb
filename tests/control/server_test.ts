import assert from "node:assert/strict";
import { answerControl, type Controlled } from "../../src/control/server.ts";
import type { SupervisorStatus } from "../../src/supervisor/supervisor.ts";

const status: SupervisorStatus = {
  version: "1.2.3",
  pid: 7,
  since: "2030-01-01T00:00:00.000Z",
  configuration: {
    source: "/etc/x.json",
    digest: undefined,
    appliedAt: undefined,
    readAt: undefined,
    lastError: undefined,
    problems: [],
  },
  volumes: [],
  containers: [],
};

/** Answers a request to something that runs `web` alone; notes which updates were asked for. */
async function ask(
  method: string,
  path: string,
): Promise<{ status: number; body: unknown; updates: (string | undefined)[] }> {
  const updates: (string | undefined)[] = [];
  const controlled: Controlled = {
    status: () => status,
    update: (id) => {
      updates.push(id);
      const known = id === undefined || id === "web";
      return Promise.resolve(known ? { web: "up to date" } : undefined);
    },
  };
  const request = new Request(`http://frontloader${path}`, { method });
  const response = await answerControl(request, controlled);
  assert.equal(response.headers.get("content-type"), "application/json");
  return { status: response.status, body: await response.json(), updates };
}

Deno.test("the control socket tells the status", async () => {
  assert.deepEqual(await ask("GET", "/status"), {
    status: 200,
    body: JSON.parse(JSON.stringify(status)),
    updates: [],
  });
});

Deno.test("the control socket updates all containers", async () => {
  assert.deepEqual(await ask("POST", "/update"), {
    status: 200,
    body: { web: "up to date" },
    updates: [undefined],
  });
});

Deno.test("the control socket updates one container", async () => {
  const { status, updates } = await ask("POST", "/update/web");
  assert.deepEqual({ status, updates }, { status: 200, updates: ["web"] });
});

for (
  const [segment, id] of [
    ["other", "other"],
    ["a%20b", "a b"],
    ["%2e%2e%2f", "../"],
    ["%", "%"],
    ["%ff", "%ff"],
  ] as const
) {
  Deno.test(`the control socket says that there is no container ${JSON.stringify(id)}`, async () => {
    assert.deepEqual(await ask("POST", `/update/${segment}`), {
      status: 404,
      body: { error: `no container "${id}"` },
      updates: [id],
    });
  });
}

for (
  const [method, path] of [
    ["POST", "/status"],
    ["GET", "/update"],
    ["GET", "/update/web"],
    ["DELETE", "/update/web"],
    ["POST", "/update/"],
    ["POST", "/update/web/"],
    ["POST", "/update/web/now"],
    ["POST", "/updates"],
    ["GET", "/status/"],
    ["GET", "/"],
  ] as const
) {
  Deno.test(`the control socket does not know ${method} ${path}`, async () => {
    assert.deepEqual(await ask(method, path), {
      status: 404,
      body: { error: `no such request: ${method} ${path}` },
      updates: [],
    });
  });
}
