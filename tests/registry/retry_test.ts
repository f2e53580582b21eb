import assert from "node:assert/strict";
import { RegistryError, type RegistryFailure } from "../../src/registry/registry_error.ts";
import { DEFAULT_RETRY, parseRetryAfter, retryDelay, withRetry } from "../../src/registry/retry.ts";
import { recordingRetry } from "./fixtures.ts";

const WHAT = {
  action: "fetch manifest",
  method: "GET",
  url: new URL("https://registry.example/v2/app/manifests/1"),
} as const;

function failure(facts: RegistryFailure): RegistryError {
  return new RegistryError(WHAT, "broken", { temporary: true, ...facts });
}

Deno.test("parseRetryAfter reads seconds and dates, up to a minute", () => {
  const now = Date.parse("Mon, 01 Jan 2024 00:00:00 GMT");
  const rows: readonly (readonly [string | null, number | undefined])[] = [
    [null, undefined],
    ["", undefined],
    ["soon", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["0", 0],
    ["7", 7_000],
    ["60", 60_000],
    ["61", 60_000],
    ["1700000000", 60_000],
    ["9".repeat(400), 60_000],
    ["Mon, 01 Jan 2024 00:00:05 GMT", 5_000],
    ["Monday, 01-Jan-24 00:00:05 GMT", 5_000],
    ["Mon, 01 Jan 2024 01:00:00 GMT", 60_000],
    ["Sun, 31 Dec 2023 23:00:00 GMT", 0],
  ];
  for (const [header, ms] of rows) assert.equal(parseRetryAfter(header, now), ms, String(header));
});

Deno.test("retryDelay doubles, with jitter, and obeys the registry", () => {
  const rows: readonly (readonly [RegistryFailure, failures: number, chance: number, number])[] = [
    [{}, 1, 0.5, 500],
    [{}, 2, 0.5, 1_000],
    [{}, 4, 0.5, 4_000],
    [{ status: 503 }, 3, 0.5, 2_000],
    [{ status: 429 }, 1, 0.5, 2_000],
    [{ status: 429 }, 2, 0.5, 4_000],
    [{ status: 429 }, 3, 0.5, 8_000],
    [{ status: 429 }, 1, 0, 1_000],
    [{ status: 429 }, 1, 0.999999, 3_000],
    [{ status: 429 }, 20, 0.5, 60_000],
    [{ status: 429, retryAfter: 7_000 }, 3, 0.9, 7_000],
    [{ status: 503, retryAfter: 0 }, 3, 0.9, 0],
  ];
  for (const [facts, failures, chance, ms] of rows) {
    assert.equal(retryDelay(failure(facts), failures, () => chance), ms);
  }
});

Deno.test("withRetry gives up after the last attempt and throws its error", async () => {
  const { retry, sleeps } = recordingRetry();
  const errors = [1, 2, 3, 4, 5].map(() => failure({ status: 503 }));
  let attempts = 0;
  await assert.rejects(
    withRetry(retry, undefined, () => Promise.reject(errors[attempts++])),
    (error) => error === errors[4],
  );
  assert.equal(attempts, 5);
  assert.deepEqual(sleeps, [500, 1_000, 2_000, 4_000]);
});

Deno.test("withRetry does not repeat what is not temporary, nor what is no RegistryError", async () => {
  const { retry, sleeps } = recordingRetry();
  for (const error of [failure({ temporary: false }), new TypeError("a bug")]) {
    await assert.rejects(
      withRetry(retry, undefined, () => Promise.reject(error)),
      (thrown) => thrown === error,
    );
  }
  assert.deepEqual(sleeps, []);
});

Deno.test("withRetry returns what a later attempt returns", async () => {
  const { retry, sleeps } = recordingRetry();
  let attempts = 0;
  const result = await withRetry(retry, undefined, () => {
    return ++attempts < 3 ? Promise.reject(failure({})) : Promise.resolve("done");
  });
  assert.equal(result, "done");
  assert.deepEqual(sleeps, [500, 1_000]);
});

Deno.test("the default sleep ends with the reason of the signal", async () => {
  const abort = new AbortController();
  const reason = new Error("stop");
  const sleep = DEFAULT_RETRY.sleep(3_600_000, abort.signal);
  abort.abort(reason);
  await assert.rejects(sleep, (error) => error === reason);
  await assert.rejects(
    DEFAULT_RETRY.sleep(3_600_000, AbortSignal.abort(reason)),
    (error) => error === reason,
  );
  await DEFAULT_RETRY.sleep(1);
});
