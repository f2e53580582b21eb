/**
 * The life of one configured container, as a pure function of state and event. Timers, processes and sockets live in
 * `container_driver.ts`, which carries out the effects and feeds back events. The diagram is in docs/lifecycle.md.
 *
 * Two things go on side by side, each a tagged union of its own: *serving* keeps the last accepted release alive, and
 * *upgrade* brings the next one (the first one, too). They meet where an upgrade has started: it takes over serving, and
 * what served before leaves.
 */
import { isDeepStrictEqual } from "node:util";
import { type ContainerSettings, sameContainer } from "../config/settings.ts";
import type { PulledImage } from "../image/pull_image.ts";
import type { Digest } from "../registry/digest.ts";

/** What an instance is started from. */
export interface Release {
  readonly settings: ContainerSettings;
  readonly image: PulledImage;
}

/** Counts the instances of one container: the first is 1. */
export type InstanceNumber = number;

/** What keeps the last accepted release alive. */
export type Serving =
  /** No release has been accepted yet, or none is wanted. */
  | { readonly tag: "none" }
  /** An instance is being launched again after it had ended. */
  | {
    readonly tag: "starting";
    readonly release: Release;
    readonly instance: InstanceNumber;
    readonly failures: number;
  }
  /** An instance runs. */
  | {
    readonly tag: "running";
    readonly release: Release;
    readonly instance: InstanceNumber;
    readonly failures: number;
  }
  /** The instance ended or could not be started again; the back-off runs. */
  | { readonly tag: "waiting"; readonly release: Release; readonly failures: number }
  /** Nothing of it runs, or what did was told to make room for an upgrade; it is started as soon as it may. */
  | { readonly tag: "standby"; readonly release: Release; readonly failures: number };

/** What brings the next release. */
export type Upgrade =
  /** Nothing newer is known. */
  | { readonly tag: "none" }
  /** The image is being pulled. */
  | { readonly tag: "pulling"; readonly failures: number }
  /** The image is there; it is started as soon as it may: with `stopBeforeStart` when every older instance has ended. */
  | { readonly tag: "held"; readonly release: Release; readonly failures: number }
  /** Its first instance is being launched. */
  | {
    readonly tag: "starting";
    readonly release: Release;
    readonly instance: InstanceNumber;
    readonly failures: number;
  }
  /** The new instance runs beside the old one until `stopDelay` is over; if it ends before that, the old one stays. */
  | {
    readonly tag: "settling";
    readonly release: Release;
    readonly instance: InstanceNumber;
    readonly failures: number;
  }
  /** Pull or start failed; the back-off runs. */
  | { readonly tag: "waiting"; readonly failures: number };

/** Everything that is known of one container. */
export interface ContainerState {
  /** Its settings; undefined when it is disabled, was removed, or Frontloader stops. */
  readonly wanted: ContainerSettings | undefined;
  readonly serving: Serving;
  readonly upgrade: Upgrade;
  /** What the registry had under the tag when it was asked last, if that was while an upgrade was under way. */
  readonly found: Digest | undefined;
  /** Instances that were told to end and have not ended yet. */
  readonly leaving: readonly InstanceNumber[];
  /** The number that was given out last. */
  readonly lastInstance: InstanceNumber;
}

/** What happens to a container. */
export type ContainerEvent =
  /** Its settings are these now; undefined when it shall not run. */
  | { readonly type: "configured"; readonly settings: ContainerSettings | undefined }
  /** The registry has this digest under the container's tag. */
  | { readonly type: "digestFound"; readonly digest: Digest }
  /** Somebody asked for an update now: no back-off. */
  | { readonly type: "updateAsked" }
  | { readonly type: "pulled"; readonly image: PulledImage }
  | { readonly type: "pullFailed" }
  | { readonly type: "started"; readonly instance: InstanceNumber }
  | { readonly type: "startFailed"; readonly instance: InstanceNumber }
  /** `healthy`: it ran so long that earlier failures do not count any more. */
  | { readonly type: "exited"; readonly instance: InstanceNumber; readonly healthy: boolean }
  | { readonly type: "retryPullDue" }
  | { readonly type: "restartDue" }
  | { readonly type: "settled" }
  /** `stopTimeout` is over. */
  | { readonly type: "killDue" };

/** What the driver has to do. */
export type ContainerEffect =
  | { readonly type: "pull"; readonly settings: ContainerSettings }
  | { readonly type: "cancelPull" }
  /** Launch an instance. */
  | { readonly type: "start"; readonly instance: InstanceNumber; readonly release: Release }
  /** Ask it to end, as soon as it runs if it is still being launched. */
  | { readonly type: "terminate"; readonly instance: InstanceNumber }
  /** Send KILL. Only for `stopTimeout`: nothing else ever kills an instance. */
  | { readonly type: "kill"; readonly instance: InstanceNumber }
  /**
   * Give `retryPullDue` after the back-off that `failures` calls for. `interrupts`: the next try ends what runs, so it is put
   * off for as long as it ever is.
   */
  | { readonly type: "retryPullLater"; readonly failures: number; readonly interrupts: boolean }
  | { readonly type: "cancelRetryPull" }
  /** Give `restartDue` after the back-off that `failures` calls for. */
  | { readonly type: "restartLater"; readonly failures: number }
  | { readonly type: "cancelRestart" }
  /** Give `settled` after so many seconds. */
  | { readonly type: "settleLater"; readonly seconds: number }
  | { readonly type: "cancelSettle" }
  /** Give `killDue` after so many seconds, from now on if that was to come already. */
  | { readonly type: "killLater"; readonly seconds: number }
  | { readonly type: "cancelKill" };

/** A new state and what has to be done on the way there. */
export interface Transition {
  readonly state: ContainerState;
  readonly effects: readonly ContainerEffect[];
}

/** The state of a container of which nothing is known yet. */
export const initialState: ContainerState = {
  wanted: undefined,
  serving: { tag: "none" },
  upgrade: { tag: "none" },
  found: undefined,
  leaving: [],
  lastInstance: 0,
};

/**
 * Advances the life of a container by one event. An event that has no meaning in a state (a timer that fired while it was
 * being cancelled) changes nothing.
 *
 * @param state where the container is
 * @param event what happened
 */
export function advance(state: ContainerState, event: ContainerEvent): Transition {
  return limitPatience(state, startWhatMay(lookAgain(state, react(state, event))));
}

/** What follows from the event itself. What it makes ready to start is started after that, by `startWhatMay`. */
function react(state: ContainerState, event: ContainerEvent): Transition {
  switch (event.type) {
    case "configured":
      return event.settings === undefined ? retire(state) : configure(state, event.settings);
    case "digestFound":
      if (isUnderWay(state.upgrade)) return unchanged({ ...state, found: event.digest });
      return isNews(state, event.digest) ? pull(state, 0) : unchanged(state);
    case "updateAsked":
      return state.upgrade.tag === "waiting"
        ? pull(state, state.upgrade.failures)
        : unchanged(state);
    case "pulled":
      return state.upgrade.tag === "pulling"
        ? hold(state, event.image, state.upgrade.failures)
        : unchanged(state);
    case "pullFailed":
      return state.upgrade.tag === "pulling"
        ? postponeUpgrade(state, state.upgrade.failures)
        : unchanged(state);
    case "retryPullDue":
      // Its timer has fired: nothing to cancel.
      return state.upgrade.tag === "waiting"
        ? pull({ ...state, upgrade: { tag: "none" } }, state.upgrade.failures)
        : unchanged(state);
    case "started":
      return started(state, event.instance);
    case "startFailed":
      return ended(state, event.instance, false);
    case "exited":
      return ended(state, event.instance, event.healthy);
    case "restartDue":
      return state.serving.tag === "waiting"
        ? unchanged({ ...state, serving: { ...state.serving, tag: "standby" } })
        : unchanged(state);
    case "settled":
      return state.upgrade.tag === "settling"
        ? takeOver(state, state.upgrade.release, state.upgrade.instance)
        : unchanged(state);
    case "killDue":
      return patience(state) === undefined ? unchanged(state) : {
        state,
        effects: state.leaving.map((instance) => ({ type: "kill", instance })),
      };
  }
}

/** Pulls again once an upgrade is over in the midst of which the tag moved on: it may have been too late for that one. */
function lookAgain(
  { upgrade: before }: ContainerState,
  { state, effects }: Transition,
): Transition {
  const { found, upgrade } = state;
  if (found === undefined || isUnderWay(upgrade)) return { state, effects };
  const next: ContainerState = { ...state, found: undefined };
  // A back-off is for the release that has failed, and the one that mends it is another.
  const failed = upgrade.tag === "waiting" && "release" in before ? before.release : undefined;
  const isMended = failed !== undefined && failed.image.digest !== found;
  if (!isMended && !isNews(next, found)) return { state: next, effects };
  const pulled = pull({ ...next, upgrade: { tag: "none" } }, 0);
  const others = effects.filter(({ type }) => type !== "retryPullLater");
  return { state: pulled.state, effects: [...others, ...pulled.effects] };
}

/** True while a release is being brought in, or is about to take over. */
function isUnderWay({ tag }: Upgrade): boolean {
  return tag !== "none" && tag !== "waiting";
}

/** Starts what is ready to: at once, or with `stopBeforeStart` once nothing else runs. The upgrade goes first. */
function startWhatMay({ state, effects }: Transition): Transition {
  const { upgrade, serving } = state;
  if (state.wanted?.stopBeforeStart && isAlive(state)) return { state, effects };
  const instance = state.lastInstance + 1;
  if (upgrade.tag === "held") {
    return startWhatMay({
      state: {
        ...state,
        lastInstance: instance,
        upgrade: { ...upgrade, tag: "starting", instance },
      },
      effects: [...effects, { type: "start", instance, release: upgrade.release }],
    });
  }
  if (serving.tag === "standby") {
    return {
      state: {
        ...state,
        lastInstance: instance,
        serving: { ...serving, tag: "starting", instance },
      },
      effects: [...effects, { type: "start", instance, release: serving.release }],
    };
  }
  return { state, effects };
}

/** True if an instance runs, or may do so any moment. */
function isAlive({ serving, upgrade, leaving }: ContainerState): boolean {
  return leaving.length > 0 || "instance" in serving || "instance" in upgrade;
}

/** Sees to it that whoever has to leave first has as long as it may take, and no longer. */
function limitPatience(before: ContainerState, { state, effects }: Transition): Transition {
  const [secondsBefore, seconds] = [patience(before), patience(state)];
  if (seconds === undefined) {
    if (secondsBefore === undefined) return { state, effects };
    return { state, effects: [...effects, { type: "cancelKill" }] };
  }
  // Whoever is told to end while others are being waited for has as much time as they had.
  const isLonger = state.leaving.some((instance) => !before.leaving.includes(instance));
  if (seconds === secondsBefore && !isLonger) return { state, effects };
  return { state, effects: [...effects, { type: "killLater", seconds }] };
}

/** How long the end of leaving instances is waited for; undefined if for ever, or if nobody waits for it. */
function patience({ wanted, serving, upgrade, leaving }: ContainerState): number | undefined {
  const isWaiting = leaving.length > 0 && (upgrade.tag === "held" || serving.tag === "standby");
  return isWaiting && wanted?.stopBeforeStart ? wanted.stopTimeout : undefined;
}

/** True once nothing of the container runs or is about to. */
export function isGone({ wanted, serving, upgrade, leaving }: ContainerState): boolean {
  return wanted === undefined && serving.tag === "none" && upgrade.tag === "none" &&
    leaving.length === 0;
}

function unchanged(state: ContainerState): Transition {
  return { state, effects: [] };
}

function isNews({ wanted, serving, upgrade }: ContainerState, digest: Digest): boolean {
  return wanted !== undefined && upgrade.tag === "none" &&
    (serving.tag === "none" || serving.release.image.digest !== digest);
}

function sameRelease(a: Release, b: Release): boolean {
  return a.image.digest === b.image.digest && sameContainer(a.settings, b.settings);
}

/** Nothing of this container is wanted any more. */
function retire(state: ContainerState): Transition {
  const dropped = dropUpgrade({ ...state, wanted: undefined });
  const { state: { serving }, effects } = dropped;
  if (serving.tag === "none") return dropped;
  const next: ContainerState = { ...dropped.state, serving: { tag: "none" } };
  switch (serving.tag) {
    case "standby":
      return { state: next, effects };
    case "waiting":
      return { state: next, effects: [...effects, { type: "cancelRestart" }] };
    case "starting":
    case "running":
      return {
        state: { ...next, leaving: [...next.leaving, serving.instance] },
        effects: [...effects, { type: "terminate", instance: serving.instance }],
      };
  }
}

function configure(state: ContainerState, settings: ContainerSettings): Transition {
  const before = state.wanted;
  const next: ContainerState = {
    ...state,
    wanted: settings,
    serving: withSettings(state.serving, settings),
    upgrade: withSettings(state.upgrade, settings),
  };
  if (before === undefined || !sameContainer(before, settings)) return pull(next, 0);
  // Other credentials are no reason to replace what runs, but may be what a pull that failed has been waiting for.
  const hasOtherCredentials = !isDeepStrictEqual(before.credentials, settings.credentials);
  if (state.upgrade.tag === "waiting" && hasOtherCredentials) return pull(next, 0);
  return unchanged(next);
}

/** What is started again is started with the newest settings, where they do not call for another release. */
function withSettings<T extends Serving | Upgrade>(part: T, settings: ContainerSettings): T {
  if (!("release" in part) || !sameContainer(part.release.settings, settings)) return part;
  return { ...part, release: { ...part.release, settings } };
}

/** Begins (or begins anew) to pull; whatever upgrade was under way is dropped. */
function pull(state: ContainerState, failures: number): Transition {
  const { state: next, effects } = dropUpgrade(state);
  return {
    // What was found before is not newer than what is pulled now.
    state: { ...next, upgrade: { tag: "pulling", failures }, found: undefined },
    effects: [...effects, { type: "pull", settings: next.wanted! }],
  };
}

function dropUpgrade(state: ContainerState): Transition {
  const { upgrade } = state;
  const next: ContainerState = { ...state, upgrade: { tag: "none" } };
  switch (upgrade.tag) {
    case "none":
    case "held":
      return unchanged(next);
    case "pulling":
      return { state: next, effects: [{ type: "cancelPull" }] };
    case "waiting":
      return { state: next, effects: [{ type: "cancelRetryPull" }] };
    case "starting":
    case "settling": {
      const effects: ContainerEffect[] = [{ type: "terminate", instance: upgrade.instance }];
      if (upgrade.tag === "settling") effects.unshift({ type: "cancelSettle" });
      return { state: { ...next, leaving: [...next.leaving, upgrade.instance] }, effects };
    }
  }
}

/** The image is there: makes its release ready to start, and room for it. */
function hold(state: ContainerState, image: PulledImage, failures: number): Transition {
  const { serving } = state;
  const release: Release = { settings: state.wanted!, image };
  // The tag moved and came back, or the configuration did: what serves is what is wanted.
  if (serving.tag !== "none" && sameRelease(serving.release, release)) {
    return unchanged({ ...state, upgrade: { tag: "none" } });
  }
  const next: ContainerState = { ...state, upgrade: { tag: "held", release, failures } };
  if (!release.settings.stopBeforeStart || !("instance" in serving)) return unchanged(next);
  const { instance, ...standby } = serving;
  return {
    state: {
      ...next,
      serving: { ...standby, tag: "standby" },
      leaving: [...next.leaving, instance],
    },
    effects: [{ type: "terminate", instance }],
  };
}

function postponeUpgrade(state: ContainerState, failuresBefore: number): Transition {
  const failures = failuresBefore + 1;
  // What had to make room for this is started again, and would have to make room for the next try.
  const interrupts = state.upgrade.tag === "starting" && state.serving.tag === "standby";
  return {
    state: { ...state, upgrade: { tag: "waiting", failures } },
    effects: [{ type: "retryPullLater", failures, interrupts }],
  };
}

function started(state: ContainerState, instance: InstanceNumber): Transition {
  const { serving, upgrade } = state;
  if (serving.tag === "starting" && serving.instance === instance) {
    return unchanged({ ...state, serving: { ...serving, tag: "running" } });
  }
  if (upgrade.tag === "starting" && upgrade.instance === instance) {
    const { stopDelay } = upgrade.release.settings;
    if (serving.tag !== "running" || stopDelay === 0) {
      return takeOver(state, upgrade.release, instance);
    }
    return {
      state: { ...state, upgrade: { ...upgrade, tag: "settling" } },
      effects: [{ type: "settleLater", seconds: stopDelay }],
    };
  }
  return unchanged(state);
}

/** The new instance serves from here on, and what served before is told to end. */
function takeOver(state: ContainerState, release: Release, instance: InstanceNumber): Transition {
  const { serving, leaving } = state;
  const next: ContainerState = {
    ...state,
    serving: { tag: "running", release, instance, failures: 0 },
    upgrade: { tag: "none" },
  };
  switch (serving.tag) {
    case "none":
    case "standby":
      return unchanged(next);
    case "waiting":
      return { state: next, effects: [{ type: "cancelRestart" }] };
    case "starting":
    case "running":
      return {
        state: { ...next, leaving: [...leaving, serving.instance] },
        effects: [{ type: "terminate", instance: serving.instance }],
      };
  }
}

/** An instance has ended, or could not be started. */
function ended(state: ContainerState, instance: InstanceNumber, healthy: boolean): Transition {
  const { serving, upgrade, leaving } = state;
  if (leaving.includes(instance)) {
    return unchanged({ ...state, leaving: leaving.filter((other) => other !== instance) });
  }
  if ((upgrade.tag === "starting" || upgrade.tag === "settling") && upgrade.instance === instance) {
    const postponed = postponeUpgrade(state, upgrade.failures);
    if (upgrade.tag === "starting") return postponed;
    return { ...postponed, effects: [{ type: "cancelSettle" }, ...postponed.effects] };
  }
  if ((serving.tag === "starting" || serving.tag === "running") && serving.instance === instance) {
    if (upgrade.tag === "settling") {
      // No reason left to wait: the new instance is the only one.
      const taken = takeOver(
        { ...state, serving: { tag: "none" } },
        upgrade.release,
        upgrade.instance,
      );
      return { ...taken, effects: [{ type: "cancelSettle" }, ...taken.effects] };
    }
    const failures = healthy ? 1 : serving.failures + 1;
    return {
      state: { ...state, serving: { tag: "waiting", release: serving.release, failures } },
      effects: [{ type: "restartLater", failures }],
    };
  }
  return unchanged(state);
}
