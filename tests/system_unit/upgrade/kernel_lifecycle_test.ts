import assert from "node:assert/strict";
import type { KernelSettings } from "../../../src/config/settings.ts";
import { parseReference } from "../../../src/registry/reference.ts";
import {
  advanceKernel,
  initialKernelState,
  type KernelEffect,
  type KernelEvent,
  type KernelState,
  type KernelStep,
} from "../../../src/system/upgrade/kernel_lifecycle.ts";
import { fakeDigest } from "../../support/fake_containers.ts";

const settings: KernelSettings = { image: parseReference("registry.example/system:stable") };
const other: KernelSettings = { image: parseReference("registry.example/system:next") };
const [a, b] = [fakeDigest("a"), fakeDigest("b")];

/** Commit `one` runs, and digest `a` is known to be of it. */
function state(step: KernelStep, wanted: KernelSettings | undefined = settings): KernelState {
  return { running: "one", wanted, step, dismissed: new Set([a]) };
}

const steps = {
  idle: { tag: "idle" },
  checking: { tag: "checking", failures: 2 },
  inspecting: { tag: "inspecting", digest: b, failures: 2 },
  loading: { tag: "loading", digest: b, commit: "two", failures: 2 },
  leaving: { tag: "leaving", digest: b, commit: "two" },
  waiting: { tag: "waiting", failures: 2 },
} as const satisfies Record<string, KernelStep>;

const events = {
  configured: { type: "configured", settings },
  reconfigured: { type: "configured", settings: other },
  removed: { type: "configured", settings: undefined },
  checkDue: { type: "checkDue" },
  retryDue: { type: "retryDue" },
  oldDigest: { type: "digestFound", digest: a },
  newDigest: { type: "digestFound", digest: b },
  sameCommit: { type: "inspected", commit: "one" },
  newCommit: { type: "inspected", commit: "two" },
  noCommit: { type: "inspected", commit: undefined },
  loaded: { type: "loaded" },
  failed: { type: "failed" },
  unfit: { type: "unfit" },
} as const satisfies Record<string, KernelEvent>;

const check = (wanted = settings): KernelEffect => ({ type: "check", settings: wanted });
const checking = { tag: "checking", failures: 0 } as const;

type Row = [
  step: keyof typeof steps,
  event: keyof typeof events,
  next: KernelStep,
  effects: readonly KernelEffect[],
];

/** Every pair of step and event that means something; of all others nothing comes. */
const rows: readonly Row[] = [
  ["idle", "configured", checking, [check()]],
  ["idle", "reconfigured", checking, [check(other)]],
  ["idle", "removed", steps.idle, []],
  ["idle", "checkDue", checking, [check()]],

  ["checking", "reconfigured", checking, [{ type: "cancel" }, check(other)]],
  ["checking", "removed", steps.idle, [{ type: "cancel" }]],
  ["checking", "oldDigest", steps.idle, []],
  ["checking", "newDigest", steps.inspecting, [{ type: "inspect", settings, digest: b }]],
  ["checking", "failed", { tag: "waiting", failures: 3 }, [{ type: "retryLater", failures: 3 }]],

  ["inspecting", "reconfigured", checking, [{ type: "cancel" }, check(other)]],
  ["inspecting", "removed", steps.idle, [{ type: "cancel" }]],
  ["inspecting", "sameCommit", steps.idle, []],
  ["inspecting", "noCommit", steps.idle, []],
  ["inspecting", "newCommit", steps.loading, [
    { type: "load", settings, digest: b, commit: "two" },
  ]],
  ["inspecting", "failed", { tag: "waiting", failures: 3 }, [{ type: "retryLater", failures: 3 }]],
  ["inspecting", "unfit", steps.idle, []],

  ["loading", "reconfigured", checking, [{ type: "cancel" }, check(other)]],
  ["loading", "removed", steps.idle, [{ type: "cancel" }]],
  ["loading", "loaded", steps.leaving, [{ type: "leave", digest: b, commit: "two" }]],
  ["loading", "failed", { tag: "waiting", failures: 3 }, [{ type: "retryLater", failures: 3 }]],
  ["loading", "unfit", steps.idle, []],

  ["waiting", "reconfigured", checking, [{ type: "cancelRetry" }, check(other)]],
  ["waiting", "removed", steps.idle, [{ type: "cancelRetry" }]],
  ["waiting", "retryDue", { tag: "checking", failures: 2 }, [check()]],
];

for (const [step, event, next, effects] of rows) {
  Deno.test(`a system that is ${step} and hears ${event} is ${next.tag} then`, () => {
    const transition = advanceKernel(state(steps[step]), events[event]);
    assert.deepEqual(transition.state.step, next);
    assert.deepEqual(transition.effects, effects);
  });
}

Deno.test("an event that has no meaning in a step changes nothing", () => {
  for (const step of Object.keys(steps) as (keyof typeof steps)[]) {
    for (const event of Object.keys(events) as (keyof typeof events)[]) {
      if (rows.some((row) => row[0] === step && row[1] === event)) continue;
      const before = state(steps[step]);
      assert.deepEqual(
        advanceKernel(before, events[event]),
        { state: before, effects: [] },
        `${step}, ${event}`,
      );
    }
  }
});

Deno.test("a digest that was looked at is not looked at again, whatever came of it", () => {
  for (const event of [events.sameCommit, events.noCommit, events.unfit]) {
    const { state: { dismissed } } = advanceKernel(state(steps.inspecting), event);
    assert.deepEqual([...dismissed], [a, b]);
  }
  const { state: { dismissed } } = advanceKernel(state(steps.loading), events.unfit);
  assert.deepEqual([...dismissed], [a, b]);
});

Deno.test("a system that was started from an image does not change to that image, whatever it says of itself", () => {
  const start = advanceKernel(initialKernelState("wrong", b), events.configured);
  assert.deepEqual(start.effects, [check()]);
  const { state, effects } = advanceKernel(start.state, events.newDigest);
  assert.equal(state.step.tag, "idle");
  assert.deepEqual(effects, []);
});

Deno.test("nobody asks for a system that is not configured", () => {
  const { state, effects } = advanceKernel(initialKernelState("one", undefined), events.checkDue);
  assert.equal(state.step.tag, "idle");
  assert.deepEqual(effects, []);
});
