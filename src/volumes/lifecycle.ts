/**
 * The life of one configured volume, as a pure function of state and event. Processes, timers and mounts live in
 * `volume_driver.ts`, which carries out the effects and feeds back events. The diagram is in docs/volumes.md.
 */
import { isDeepStrictEqual } from "node:util";
import type { VolumeSettings } from "../config/settings.ts";
import { parseMountOptions } from "./mount_options.ts";

/** What is going on with a volume. */
export type VolumePhase =
  /** Nothing is mounted, and nothing is under way: it is not wanted, or {@linkcode VolumeState.blocked}. */
  | { readonly tag: "absent" }
  /** It is being mounted. `stirred`: devices have changed since that began. */
  | {
    readonly tag: "mounting";
    readonly settings: VolumeSettings;
    readonly failures: number;
    readonly stirred: boolean;
  }
  /** It could not be mounted; the back-off runs. `cause` says whether its device was there. */
  | { readonly tag: "waiting"; readonly failures: number; readonly cause: MountFailure }
  /** It is mounted, by these settings. */
  | { readonly tag: "mounted"; readonly settings: VolumeSettings }
  /** It is mounted, and gets the options and the owner of `next`. */
  | {
    readonly tag: "remounting";
    readonly settings: VolumeSettings;
    readonly next: VolumeSettings;
  }
  /**
   * It is mounted by settings that are not the wanted ones, and what differs cannot be changed while it is in use: that needs a
   * restart of the containers that use it, or of Frontloader.
   */
  | { readonly tag: "stale"; readonly settings: VolumeSettings }
  /** It is being unmounted. */
  | { readonly tag: "unmounting"; readonly settings: VolumeSettings; readonly failures: number }
  /** It could not be unmounted: something of the machine uses it. The back-off runs. */
  | { readonly tag: "busy"; readonly settings: VolumeSettings; readonly failures: number };

/** Why a volume could not be mounted. */
export type MountFailure = "noDevice" | "failure";

/** Everything that is known of one volume. */
export interface VolumeState {
  /** Its settings; undefined when it was removed, or Frontloader stops. */
  readonly wanted: VolumeSettings | undefined;
  readonly phase: VolumePhase;
  /** True while another volume is in the way: one above that is not there yet, or one below that it would hide. */
  readonly blocked: boolean;
  /** True while a container, or a volume below, uses it. */
  readonly used: boolean;
}

/** What happens to a volume. */
export type VolumeEvent =
  /** Its settings are these now; undefined when it shall not be mounted. */
  | { readonly type: "configured"; readonly settings: VolumeSettings | undefined }
  /** What is around it is like this now. */
  | { readonly type: "surrounded"; readonly blocked: boolean; readonly used: boolean }
  | { readonly type: "mounted" }
  | { readonly type: "mountFailed"; readonly cause: MountFailure }
  | { readonly type: "remounted" }
  | { readonly type: "remountFailed" }
  | { readonly type: "unmounted" }
  | { readonly type: "unmountFailed" }
  /** Somebody else has unmounted it. */
  | { readonly type: "lost" }
  /** The back-off is over. */
  | { readonly type: "retryDue" }
  /** A device of the machine has come, gone or changed: no back-off for who waits for one. */
  | { readonly type: "devicesChanged" };

/** What the driver has to do. */
export type VolumeEffect =
  | { readonly type: "mount"; readonly settings: VolumeSettings }
  /** The mount under way is not wanted any more; its end is still reported. */
  | { readonly type: "cancelMount" }
  | { readonly type: "remount"; readonly settings: VolumeSettings }
  | { readonly type: "unmount"; readonly settings: VolumeSettings }
  /** Give `retryDue` after the back-off that `failures` calls for. */
  | { readonly type: "retryLater"; readonly failures: number }
  | { readonly type: "cancelRetry" }
  /** Say that the wanted settings come into force once nothing uses the volume. */
  | { readonly type: "needsRestart" };

/** A new state and what has to be done on the way there. */
export interface VolumeTransition {
  readonly state: VolumeState;
  readonly effects: readonly VolumeEffect[];
}

/** The state of a volume of which nothing is known yet. */
export const initialVolumeState: VolumeState = {
  wanted: undefined,
  phase: { tag: "absent" },
  blocked: true,
  used: false,
};

/**
 * Advances the life of a volume by one event. An event that has no meaning in a state (a timer that fired while it was being
 * cancelled) changes nothing.
 */
export function advanceVolume(state: VolumeState, event: VolumeEvent): VolumeTransition {
  const { phase } = state;
  switch (event.type) {
    case "configured":
      return settle({ ...state, wanted: event.settings }, state.wanted);
    case "surrounded":
      return settle({ ...state, blocked: event.blocked, used: event.used }, state.wanted);
    case "mounted":
      return phase.tag === "mounting"
        ? enter(state, { tag: "mounted", settings: phase.settings })
        : unchanged(state);
    case "mountFailed": {
      if (phase.tag !== "mounting") return unchanged(state);
      // It was called off, or would be tried with other settings: what failed is of no interest.
      if (!isDeepStrictEqual(phase.settings, state.wanted)) return enter(state, { tag: "absent" });
      const failures = phase.failures + 1;
      // The device may have appeared right after it was looked for.
      if (event.cause === "noDevice" && phase.stirred) {
        return mount(state, phase.settings, failures);
      }
      return {
        state: { ...state, phase: { tag: "waiting", failures, cause: event.cause } },
        effects: [{ type: "retryLater", failures }],
      };
    }
    case "remounted":
      return phase.tag === "remounting"
        ? enter(state, { tag: "mounted", settings: phase.next })
        : unchanged(state);
    case "remountFailed":
      return phase.tag === "remounting" ? remountFailed(state, phase.settings) : unchanged(state);
    case "unmounted":
      return phase.tag === "unmounting" ? enter(state, { tag: "absent" }) : unchanged(state);
    case "unmountFailed": {
      if (phase.tag !== "unmounting") return unchanged(state);
      const failures = phase.failures + 1;
      return {
        state: { ...state, phase: { tag: "busy", settings: phase.settings, failures } },
        effects: [{ type: "retryLater", failures }],
      };
    }
    case "lost":
      return phase.tag === "mounted" || phase.tag === "stale" || phase.tag === "busy"
        ? lose(state)
        : unchanged(state);
    case "retryDue":
      return retry(state);
    case "devicesChanged": {
      if (phase.tag === "mounting") {
        return unchanged({ ...state, phase: { ...phase, stirred: true } });
      }
      if (phase.tag !== "waiting" || phase.cause !== "noDevice") return unchanged(state);
      const { state: next, effects } = retry(state);
      return { state: next, effects: [{ type: "cancelRetry" }, ...effects] };
    }
  }
}

/** True once nothing of the volume is mounted or about to be, nor wanted. */
export function isVolumeGone({ wanted, phase }: VolumeState): boolean {
  return wanted === undefined && phase.tag === "absent";
}

/** True if a file system is, or may be, mounted there. */
export function isVolumePresent({ phase }: VolumeState): boolean {
  return phase.tag !== "absent" && phase.tag !== "waiting";
}

/** True if containers may start on it. */
export function isVolumeReady({ wanted, phase }: VolumeState): boolean {
  return wanted !== undefined &&
    (phase.tag === "mounted" || phase.tag === "remounting" || phase.tag === "stale");
}

function unchanged(state: VolumeState): VolumeTransition {
  return { state, effects: [] };
}

/** Enters a phase, and goes on from there to where what is wanted leads. */
function enter(state: VolumeState, phase: VolumePhase): VolumeTransition {
  return settle({ ...state, phase }, state.wanted);
}

/** Nothing is mounted any more, without anybody here having asked for it. */
function lose(state: VolumeState): VolumeTransition {
  const { state: next, effects } = enter(state, { tag: "absent" });
  return {
    state: next,
    effects: state.phase.tag === "busy" ? [{ type: "cancelRetry" }, ...effects] : effects,
  };
}

/** What cannot be changed while it is mounted comes with the next mount. */
function remountFailed(state: VolumeState, settings: VolumeSettings): VolumeTransition {
  const { state: next, effects } = enter(state, { tag: "stale", settings });
  return next.phase.tag === "stale"
    ? { state: next, effects: [{ type: "needsRestart" }, ...effects] }
    : { state: next, effects };
}

/**
 * Brings phase and wish together.
 *
 * @param wantedBefore settings that were wanted until now
 */
function settle(state: VolumeState, wantedBefore: VolumeSettings | undefined): VolumeTransition {
  const { wanted, phase, blocked, used } = state;
  switch (phase.tag) {
    case "absent":
      if (wanted === undefined || blocked) return unchanged(state);
      return mount(state, wanted, 0);
    case "mounting":
      // The end of the mount decides how to go on.
      return isDeepStrictEqual(phase.settings, wanted) || isDeepStrictEqual(wanted, wantedBefore)
        ? unchanged(state)
        : { state, effects: [{ type: "cancelMount" }] };
    case "waiting": {
      if (wanted !== undefined && !blocked && isDeepStrictEqual(wanted, wantedBefore)) {
        return unchanged(state);
      }
      const { state: next, effects } = settle({ ...state, phase: { tag: "absent" } }, wanted);
      return { state: next, effects: [{ type: "cancelRetry" }, ...effects] };
    }
    case "mounted":
      if (wanted !== undefined && sameMount(phase.settings, wanted)) {
        return unchanged({ ...state, phase: { tag: "mounted", settings: wanted } });
      }
      if (wanted !== undefined && canRemount(phase.settings, wanted)) {
        return {
          state: {
            ...state,
            phase: { tag: "remounting", settings: phase.settings, next: wanted },
          },
          effects: [{ type: "remount", settings: wanted }],
        };
      }
      if (!used) return unmount(state, phase.settings, 0);
      if (wanted === undefined) return unchanged(state);
      return {
        state: { ...state, phase: { tag: "stale", settings: phase.settings } },
        effects: [{ type: "needsRestart" }],
      };
    case "stale":
      if (!used) return unmount(state, phase.settings, 0);
      // Other settings than those that cannot come into force may well do.
      return wanted === undefined || isDeepStrictEqual(wanted, wantedBefore)
        ? unchanged(state)
        : settle({ ...state, phase: { tag: "mounted", settings: phase.settings } }, wanted);
    case "busy": {
      if (wanted === undefined || isDeepStrictEqual(wanted, wantedBefore)) return unchanged(state);
      // Wanted again.
      const { state: next, effects } = settle(
        { ...state, phase: { tag: "mounted", settings: phase.settings } },
        wanted,
      );
      return { state: next, effects: [{ type: "cancelRetry" }, ...effects] };
    }
    case "remounting":
    case "unmounting":
      // The end of it decides how to go on.
      return unchanged(state);
  }
}

function mount(state: VolumeState, settings: VolumeSettings, failures: number): VolumeTransition {
  return {
    state: { ...state, phase: { tag: "mounting", settings, failures, stirred: false } },
    effects: [{ type: "mount", settings }],
  };
}

function unmount(state: VolumeState, settings: VolumeSettings, failures: number): VolumeTransition {
  return {
    state: { ...state, phase: { tag: "unmounting", settings, failures } },
    effects: [{ type: "unmount", settings }],
  };
}

function retry(state: VolumeState): VolumeTransition {
  const { phase, wanted } = state;
  if (phase.tag === "waiting" && wanted !== undefined) return mount(state, wanted, phase.failures);
  if (phase.tag === "busy") return unmount(state, phase.settings, phase.failures);
  return unchanged(state);
}

/** True if what is mounted by `a` is what `b` asks for. Whether a blank device may be formatted makes no difference then. */
function sameMount(a: VolumeSettings, b: VolumeSettings): boolean {
  return isDeepStrictEqual(mountOf(a), mountOf(b));
}

function mountOf(volume: VolumeSettings): unknown {
  const { path, device, fstype, uid, gid } = volume;
  return { path, device, fstype, uid, gid, ...parseMountOptions(volume.options) };
}

/**
 * True if a remount brings `b` about. That is tried with options that all file systems have, and with owners: XFS says yes to
 * others and does nothing (xfs_fs_reconfigure in fs/xfs/xfs_super.c), and NFS refuses them.
 */
function canRemount(a: VolumeSettings, b: VolumeSettings): boolean {
  return a.device === b.device && a.fstype === b.fstype &&
    parseMountOptions(a.options).data === parseMountOptions(b.options).data;
}
