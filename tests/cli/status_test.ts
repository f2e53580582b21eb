import assert from "node:assert/strict";
import { formatStatus } from "../../src/cli/status.ts";
import type { SupervisorStatus } from "../../src/supervisor/supervisor.ts";
import { fakeDigest } from "../support/fake_containers.ts";

const START = "2030-01-01T00:00:00.000Z";

const base: SupervisorStatus = {
  version: "1.2.3",
  pid: 7,
  since: START,
  configuration: {
    source: "/etc/x.json",
    digest: "sha256:aa",
    appliedAt: START,
    readAt: START,
    lastError: undefined,
    problems: [],
  },
  volumes: [],
  containers: [],
};

function after(seconds: number): Date {
  return new Date(Date.parse(START) + seconds * 1000);
}

Deno.test("a status for people says what runs, since when, from which digest", () => {
  const text = formatStatus({
    ...base,
    containers: [
      {
        id: "web",
        state: "running, starting a new release",
        instances: [
          {
            pid: 101,
            image: "127.0.0.1/web:1",
            digest: fakeDigest("a"),
            since: after(60).toISOString(),
            state: "running",
          },
          {
            pid: undefined,
            image: "127.0.0.1/web:1",
            digest: fakeDigest("b"),
            since: undefined,
            state: "starting",
          },
        ],
        failures: 0,
        jobs: [
          {
            name: "cron[0]",
            schedule: "0 3 * * *",
            next: "2030-01-01T03:00:00.000Z",
            runningSince: undefined,
            last: undefined,
          },
          {
            name: "cron[1]",
            schedule: "@hourly",
            next: "2030-01-01T02:00:00.000Z",
            runningSince: after(3570).toISOString(),
            last: { at: after(0).toISOString(), result: "exit status 1" },
          },
        ],
        lastError: undefined,
      },
      {
        id: "db",
        state: "waiting to retry",
        instances: [],
        failures: 3,
        jobs: [],
        lastError: { at: after(3590).toISOString(), message: "Cannot pull: denied" },
      },
    ],
  }, after(3600));
  assert.deepEqual(text.split("\n"), [
    "frontloader 1.2.3, pid 7, up 1 h 0 min",
    "configuration: /etc/x.json",
    "  applied 1 h 0 min ago, read 1 h 0 min ago: sha256:aa",
    "web: running, starting a new release",
    `  running, pid 101, up 59 min 0 s: 127.0.0.1/web:1 ${fakeDigest("a")}`,
    `  starting: 127.0.0.1/web:1 ${fakeDigest("b")}`,
    "  cron[0], 0 3 * * *: next at 2030-01-01T03:00:00.000Z",
    "  cron[1], @hourly: running for 30 s, next at 2030-01-01T02:00:00.000Z, last 1 h 0 min ago: exit status 1",
    "db: waiting to retry, 3 failures in a row",
    "  last error, 10 s ago: Cannot pull: denied",
  ]);
});

Deno.test("a status for people shows each volume, and what is wrong with it", () => {
  const text = formatStatus({
    ...base,
    volumes: [
      {
        path: "/srv",
        state: "mounted",
        device: "LABEL=data",
        source: "/dev/nvme1n1",
        fstype: "xfs",
        size: 100 * 2 ** 30,
        used: 1.5 * 2 ** 30,
        failures: 0,
        lastError: undefined,
      },
      {
        path: "/net",
        state: "waiting to retry",
        device: "nfs.example.com:/export",
        source: undefined,
        fstype: "nfs4",
        size: undefined,
        used: undefined,
        failures: 2,
        lastError: { at: after(3).toISOString(), message: "Cannot mount it: ETIMEDOUT" },
      },
    ],
  }, after(10));
  assert.equal(
    text.split("\n").slice(3).join("\n"),
    `volume /srv: mounted
  xfs on LABEL=data (/dev/nvme1n1), 1.5 GiB of 100 GiB used
volume /net: waiting to retry, 2 failures in a row
  nfs4 on nfs.example.com:/export
  last error, 7 s ago: Cannot mount it: ETIMEDOUT`,
  );
});

Deno.test("a status for people says why a configuration is not in force", () => {
  const { configuration } = base;
  const text = formatStatus({
    ...base,
    configuration: {
      ...configuration,
      appliedAt: undefined,
      lastError: { at: START, message: "no such file" },
    },
  }, after(5));
  assert.deepEqual(text.split("\n"), [
    "frontloader 1.2.3, pid 7, up 5 s",
    "configuration: /etc/x.json",
    "  not applied yet",
    "  the newest is not in force, 5 s ago: no such file",
  ]);
});

Deno.test("a status for people says what of the configuration could not be put into effect", () => {
  const { configuration } = base;
  const text = formatStatus({
    ...base,
    configuration: { ...configuration, problems: ["Cannot set one", "Cannot set the other"] },
  }, after(5));
  assert.deepEqual(text.split("\n").slice(3), ["  Cannot set one", "  Cannot set the other"]);
});

Deno.test("an error in a status stays in its place, and commands no terminal", () => {
  const text = formatStatus({
    ...base,
    containers: [{
      id: "web",
      state: "idle",
      instances: [],
      failures: 1,
      jobs: [],
      lastError: { at: START, message: 'Cannot run "\x1b[2J":\nweb: running\r' },
    }],
  }, after(0));
  assert.deepEqual(text.split("\n").slice(4), [
    '  last error, 0 s ago: Cannot run "\\u001b[2J":',
    "    web: running\\r",
  ]);
});

Deno.test("a status that has been through JSON looks the same", () => {
  const { configuration } = base;
  const status: SupervisorStatus = {
    ...base,
    configuration: { ...configuration, appliedAt: undefined },
    containers: [{
      id: "a",
      state: "idle",
      instances: [],
      failures: 0,
      jobs: [],
      lastError: undefined,
    }],
  };
  assert.equal(
    formatStatus(JSON.parse(JSON.stringify(status)), after(1)),
    formatStatus(status, after(1)),
  );
});

for (
  const [seconds, text] of [
    [0, "0 s"],
    [0.999, "0 s"],
    [59, "59 s"],
    [60, "1 min 0 s"],
    [3599, "59 min 59 s"],
    [3600, "1 h 0 min"],
    [86399, "23 h 59 min"],
    [86400, "1 d 0 h"],
    [86400 * 400 + 3599, "400 d 0 h"],
    [-5, "0 s"],
  ] as const
) {
  Deno.test(`an age of ${seconds} s is shown as ${text}`, () => {
    assert.match(formatStatus(base, after(seconds)), new RegExp(`up ${text}\n`));
  });
}

Deno.test("a status tells which commit a machine's own system is of, and what is being done about the next one", () => {
  const kernel = {
    commit: "one",
    state: "idle",
    next: undefined,
    failures: 0,
    lastError: undefined,
  } as const;
  const systemOf = (changes: Partial<NonNullable<SupervisorStatus["kernel"]>>) =>
    formatStatus({ ...base, kernel: { ...kernel, ...changes } }, after(60)).split("\n").slice(
      1,
      -2,
    );
  assert.deepEqual(systemOf({}), ["system: commit one"]);
  assert.deepEqual(systemOf({ state: "loading", next: "two" }), [
    "system: commit one, loading two",
  ]);
  assert.deepEqual(systemOf({ lastError: { at: START, message: "Cannot load it" } }), [
    "system: commit one",
    "  last error, 1 min 0 s ago: Cannot load it",
  ]);
});
