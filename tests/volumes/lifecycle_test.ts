import assert from "node:assert/strict";
import {
  advanceVolume,
  initialVolumeState,
  isVolumeGone,
  isVolumePresent,
  isVolumeReady,
  type VolumeEffect,
  type VolumeEvent,
  type VolumeState,
} from "../../src/volumes/lifecycle.ts";
import { volumeSettings } from "../support/volume_settings.ts";

const disk = volumeSettings();
const readOnly = volumeSettings({ options: "ro" });
const sameOptions = volumeSettings({ options: "defaults,_netdev", format: "ifBlank" });
const otherData = volumeSettings({ options: "logbufs=8" });
const otherDisk = volumeSettings({ device: "/dev/sdc" });

/** Events by short names, so that a row of the table reads as a story. */
const events = {
  configure: { type: "configured", settings: disk },
  readOnly: { type: "configured", settings: readOnly },
  sameOptions: { type: "configured", settings: sameOptions },
  otherData: { type: "configured", settings: otherData },
  otherDisk: { type: "configured", settings: otherDisk },
  remove: { type: "configured", settings: undefined },
  free: { type: "surrounded", blocked: false, used: false },
  used: { type: "surrounded", blocked: false, used: true },
  blocked: { type: "surrounded", blocked: true, used: false },
  mounted: { type: "mounted" },
  noDevice: { type: "mountFailed", cause: "noDevice" },
  mountFails: { type: "mountFailed", cause: "failure" },
  remounted: { type: "remounted" },
  remountFails: { type: "remountFailed" },
  unmounted: { type: "unmounted" },
  unmountFails: { type: "unmountFailed" },
  lost: { type: "lost" },
  retry: { type: "retryDue" },
  devices: { type: "devicesChanged" },
} as const satisfies Record<string, VolumeEvent>;

type EventName = keyof typeof events;

/** Runs a story; returns the last state and the effects of the last event. */
function play(story: string): { state: VolumeState; effects: readonly VolumeEffect[] } {
  let state = initialVolumeState;
  let effects: readonly VolumeEffect[] = [];
  for (const name of story.split(" ")) {
    ({ state, effects } = advanceVolume(state, events[name as EventName]));
  }
  return { state, effects };
}

function describeEffect(effect: VolumeEffect): string {
  if (effect.type === "retryLater") return `retryLater ${effect.failures}`;
  if (!("settings" in effect)) return effect.type;
  const { device, options } = effect.settings;
  return [effect.type, device === disk.device ? "" : device, options].filter(Boolean).join(" ");
}

const UP = "configure free mounted";

const table: [story: string, phase: string, effects: string][] = [
  // To the first mount
  ["configure", "absent", ""],
  ["configure free", "mounting", "mount"],
  ["free", "absent", ""],
  ["free configure", "mounting", "mount"],
  ["configure free mounted", "mounted", ""],
  ["configure free blocked", "mounting", ""],
  ["configure free noDevice", "waiting", "retryLater 1"],
  ["configure free mountFails", "waiting", "retryLater 1"],
  ["configure free mountFails retry", "mounting", "mount"],
  ["configure free mountFails retry mountFails", "waiting", "retryLater 2"],
  ["configure free mountFails retry mounted", "mounted", ""],
  // What appears is tried at once, what is broken is not.
  ["configure free noDevice devices", "mounting", "cancelRetry, mount"],
  ["configure free mountFails devices", "waiting", ""],
  ["configure free noDevice devices noDevice", "waiting", "retryLater 2"],
  ["configure free devices", "mounting", ""],
  ["configure free devices noDevice", "mounting", "mount"],
  ["configure free devices noDevice noDevice", "waiting", "retryLater 2"],
  ["configure free devices mountFails", "waiting", "retryLater 1"],
  // While it waits
  ["configure free mountFails configure", "waiting", ""],
  ["configure free mountFails readOnly", "mounting", "cancelRetry, mount ro"],
  ["configure free mountFails remove", "absent", "cancelRetry"],
  ["configure free mountFails blocked", "absent", "cancelRetry"],
  ["configure free mountFails blocked free", "mounting", "mount"],
  ["configure free mountFails remove retry", "absent", ""],
  // Changed, or removed, while it is being mounted
  ["configure free remove", "mounting", "cancelMount"],
  ["configure free remove mountFails", "absent", ""],
  ["configure free remove mounted", "unmounting", "unmount"],
  ["configure free remove configure mounted", "mounted", ""],
  ["configure free otherDisk", "mounting", "cancelMount"],
  ["configure free otherDisk mountFails", "mounting", "mount /dev/sdc"],
  ["configure free otherDisk mounted", "unmounting", "unmount"],
  ["configure free readOnly mounted", "remounting", "remount ro"],
  // Removed
  [`${UP} remove`, "unmounting", "unmount"],
  [`${UP} remove unmounted`, "absent", ""],
  [`${UP} used remove`, "mounted", ""],
  [`${UP} used remove free`, "unmounting", "unmount"],
  [`${UP} used remove configure`, "mounted", ""],
  [`${UP} remove configure`, "unmounting", ""],
  [`${UP} remove configure unmounted`, "mounting", "mount"],
  [`${UP} remove unmountFails`, "busy", "retryLater 1"],
  [`${UP} remove unmountFails retry`, "unmounting", "unmount"],
  [`${UP} remove unmountFails retry unmountFails`, "busy", "retryLater 2"],
  [`${UP} remove unmountFails configure`, "mounted", "cancelRetry"],
  [`${UP} remove unmountFails readOnly`, "remounting", "cancelRetry, remount ro"],
  [`${UP} remove unmountFails remove`, "busy", ""],
  // Other settings that make no difference
  [`${UP} used sameOptions`, "mounted", ""],
  // Options that all file systems have
  [`${UP} used readOnly`, "remounting", "remount ro"],
  [`${UP} used readOnly remounted`, "mounted", ""],
  [`${UP} used readOnly configure remounted`, "remounting", "remount"],
  [`${UP} used readOnly remountFails`, "stale", "needsRestart"],
  [`${UP} used readOnly remountFails readOnly`, "stale", ""],
  [`${UP} used readOnly remountFails configure`, "mounted", ""],
  [`${UP} used readOnly remountFails free`, "unmounting", "unmount"],
  [`${UP} readOnly remountFails`, "unmounting", "unmount"],
  [`${UP} readOnly remove remounted`, "unmounting", "unmount ro"],
  // What no remount brings about
  [`${UP} used otherData`, "stale", "needsRestart"],
  [`${UP} used otherData otherData`, "stale", ""],
  [`${UP} used otherData configure`, "mounted", ""],
  [`${UP} used otherData otherDisk`, "stale", "needsRestart"],
  [`${UP} used otherData free`, "unmounting", "unmount"],
  [`${UP} used otherData free unmounted`, "mounting", "mount logbufs=8"],
  [`${UP} used otherDisk`, "stale", "needsRestart"],
  [`${UP} otherDisk`, "unmounting", "unmount"],
  [`${UP} otherDisk unmounted`, "mounting", "mount /dev/sdc"],
  [`${UP} used otherDisk remove`, "stale", ""],
  [`${UP} used otherDisk remove free`, "unmounting", "unmount"],
  // Unmounted by somebody else
  [`${UP} used lost`, "mounting", "mount"],
  [`${UP} used otherDisk lost`, "mounting", "mount /dev/sdc"],
  [`${UP} used remove lost`, "absent", ""],
  [`${UP} remove unmountFails lost`, "absent", "cancelRetry"],
  ["configure free lost", "mounting", ""],
  [`${UP} remove lost`, "unmounting", ""],
  // Once it is mounted nothing is in its way.
  [`${UP} blocked`, "mounted", ""],
  // Events that mean nothing
  [`${UP} mounted`, "mounted", ""],
  [`${UP} mountFails`, "mounted", ""],
  [`${UP} remounted`, "mounted", ""],
  [`${UP} remountFails`, "mounted", ""],
  [`${UP} unmounted`, "mounted", ""],
  [`${UP} unmountFails`, "mounted", ""],
  [`${UP} retry`, "mounted", ""],
  [`${UP} devices`, "mounted", ""],
];

for (const [story, phase, effects] of table) {
  Deno.test(`${story}: ${[phase, effects].filter(Boolean).join("; ")}`, () => {
    const played = play(story);
    assert.equal(played.state.phase.tag, phase);
    assert.equal(played.effects.map(describeEffect).join(", "), effects);
  });
}

Deno.test("containers may start on what is mounted and wanted, and on nothing else", () => {
  const ready = (story: string) => isVolumeReady(play(story).state);
  for (const story of [UP, `${UP} used readOnly`, `${UP} used otherData`]) {
    assert(ready(story), story);
  }
  for (
    const story of [
      "configure",
      "configure free",
      "configure free mountFails",
      `${UP} used remove`,
      `${UP} remove`,
      `${UP} remove unmountFails`,
      `${UP} otherDisk`,
    ]
  ) assert(!ready(story), story);
});

Deno.test("a volume is present from when it may be mounted until it is not any more", () => {
  const present = (story: string) => isVolumePresent(play(story).state);
  for (const story of ["configure free", UP, `${UP} remove`, `${UP} remove unmountFails`]) {
    assert(present(story), story);
  }
  for (const story of ["configure", "configure free mountFails", `${UP} remove unmounted`]) {
    assert(!present(story), story);
  }
});

Deno.test("a volume is gone once it is not wanted, and nothing is mounted", () => {
  const gone = (story: string) => isVolumeGone(play(story).state);
  for (const story of ["free", "configure remove", `${UP} remove unmounted`]) {
    assert(gone(story), story);
  }
  for (const story of ["configure", "configure free remove", `${UP} remove`, `${UP} used remove`]) {
    assert(!gone(story), story);
  }
});

Deno.test("whatever happens in whatever order, a volume that is removed and not used ends up unmounted", () => {
  // A small generator of random numbers (mulberry32), so that a failure can be repeated.
  const randomOf = (seed: number) => () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
  const names = Object.keys(events) as EventName[];
  for (let seed = 0; seed < 2_000; seed++) {
    const random = randomOf(seed);
    let state = initialVolumeState;
    for (let step = 0; step < 30; step++) {
      ({ state } = advanceVolume(state, events[names[Math.floor(random() * names.length)]!]));
    }
    const rest: EventName[] = [
      "free",
      "remove",
      "mounted",
      "remounted",
      "unmounted",
      "retry",
      "unmounted",
    ];
    for (const name of rest) ({ state } = advanceVolume(state, events[name]));
    assert(isVolumeGone(state), `seed ${seed}: ${JSON.stringify(state)}`);
  }
});
