/**
 * The upgrade of the machine's system, as a pure function of state and event. What asks registries and loads kernels lives in
 * `kernel_driver.ts`, which carries out the effects and feeds back events. The diagram is in docs/appliance.md.
 */
import { isDeepStrictEqual } from "node:util";
import type { KernelSettings } from "../../config/settings.ts";
import type { Digest } from "../../registry/digest.ts";

/** What is being done about the next system. */
export type KernelStep =
  /** Nothing newer is known. */
  | { readonly tag: "idle" }
  /** The registry is asked which digest the image has. */
  | { readonly tag: "checking"; readonly failures: number }
  /** The digest is not known yet: its image is asked which commit it is. */
  | { readonly tag: "inspecting"; readonly digest: Digest; readonly failures: number }
  /** It is another commit than the one that runs: its image is pulled, checked, and loaded into memory. */
  | {
    readonly tag: "loading";
    readonly digest: Digest;
    readonly commit: string;
    readonly failures: number;
  }
  /** It is loaded: the running system ends. There is no way back from here. */
  | { readonly tag: "leaving"; readonly digest: Digest; readonly commit: string }
  /** Something failed that may work later; the back-off runs. */
  | { readonly tag: "waiting"; readonly failures: number };

/** Everything that is known about the next system. */
export interface KernelState {
  /** The commit that runs. */
  readonly running: string;
  readonly wanted: KernelSettings | undefined;
  readonly step: KernelStep;
  /**
   * Digests that need not be looked at again: of the image that runs, of those with the same commit, and of those that cannot
   * be used. One from which this system was started is among them whatever it says of itself, or there would be no end.
   */
  readonly dismissed: ReadonlySet<Digest>;
}

/** What happens. */
export type KernelEvent =
  /** The configuration was read: this is wanted. */
  | { readonly type: "configured"; readonly settings: KernelSettings | undefined }
  /** It is time to ask the registry. */
  | { readonly type: "checkDue" }
  | { readonly type: "digestFound"; readonly digest: Digest }
  /** The image says that it is of this commit; undefined if it does not say. */
  | { readonly type: "inspected"; readonly commit: string | undefined }
  | { readonly type: "loaded" }
  /** Something failed that may work later: a registry did not answer, say. */
  | { readonly type: "failed" }
  /** The image cannot be used, however often it is tried. */
  | { readonly type: "unfit" }
  | { readonly type: "retryDue" };

/** What the driver has to do. */
export type KernelEffect =
  | { readonly type: "check"; readonly settings: KernelSettings }
  | { readonly type: "inspect"; readonly settings: KernelSettings; readonly digest: Digest }
  | {
    readonly type: "load";
    readonly settings: KernelSettings;
    readonly digest: Digest;
    readonly commit: string;
  }
  /** Call off what was begun last. */
  | { readonly type: "cancel" }
  /** Give `retryDue` after the back-off that `failures` calls for. */
  | { readonly type: "retryLater"; readonly failures: number }
  | { readonly type: "cancelRetry" }
  /** End the running system, and start the one that is loaded. */
  | { readonly type: "leave"; readonly digest: Digest; readonly commit: string };

/** A new state and what has to be done on the way there. */
export interface KernelTransition {
  readonly state: KernelState;
  readonly effects: readonly KernelEffect[];
}

/**
 * The state at the start.
 *
 * @param running the commit that runs
 * @param startedFrom the digest of the image that this system was started from, if it was by an upgrade
 */
export function initialKernelState(running: string, startedFrom: Digest | undefined): KernelState {
  return {
    running,
    wanted: undefined,
    step: { tag: "idle" },
    dismissed: new Set(startedFrom === undefined ? [] : [startedFrom]),
  };
}

/** Advances by one event. An event that has no meaning in a state changes nothing. */
export function advanceKernel(state: KernelState, event: KernelEvent): KernelTransition {
  const { step } = state;
  switch (event.type) {
    case "configured":
      return configure(state, event.settings);
    case "checkDue":
      return step.tag === "idle" ? check(state, 0) : unchanged(state);
    case "retryDue":
      return step.tag === "waiting" ? check(state, step.failures) : unchanged(state);
    case "digestFound":
      return step.tag === "checking" ? found(state, event.digest, step.failures) : unchanged(state);
    case "inspected":
      return step.tag === "inspecting" ? inspected(state, step, event.commit) : unchanged(state);
    case "loaded": {
      if (step.tag !== "loading") return unchanged(state);
      const { digest, commit } = step;
      return {
        state: { ...state, step: { tag: "leaving", digest, commit } },
        effects: [{ type: "leave", digest, commit }],
      };
    }
    case "failed":
      return isBusy(step) ? postpone(state, step.failures + 1) : unchanged(state);
    case "unfit":
      return step.tag === "inspecting" || step.tag === "loading"
        ? dismiss(state, step.digest)
        : unchanged(state);
  }
}

/** A step that something is being waited for in, and that can fail. */
type BusyStep = Extract<KernelStep, { tag: "checking" | "inspecting" | "loading" }>;

function isBusy(step: KernelStep): step is BusyStep {
  return step.tag === "checking" || step.tag === "inspecting" || step.tag === "loading";
}

function unchanged(state: KernelState): KernelTransition {
  return { state, effects: [] };
}

function configure(state: KernelState, settings: KernelSettings | undefined): KernelTransition {
  const { step, wanted } = state;
  if (step.tag === "leaving") return unchanged(state);
  if (isDeepStrictEqual(wanted, settings)) {
    return step.tag === "idle" ? check(state, 0) : unchanged(state);
  }
  const called: KernelEffect[] = [];
  if (isBusy(step)) called.push({ type: "cancel" });
  if (step.tag === "waiting") called.push({ type: "cancelRetry" });
  const { state: next, effects } = check({ ...state, wanted: settings }, 0);
  return { state: next, effects: [...called, ...effects] };
}

function check(state: KernelState, failures: number): KernelTransition {
  const { wanted } = state;
  if (wanted === undefined) return unchanged({ ...state, step: { tag: "idle" } });
  return {
    state: { ...state, step: { tag: "checking", failures } },
    effects: [{ type: "check", settings: wanted }],
  };
}

function found(state: KernelState, digest: Digest, failures: number): KernelTransition {
  if (state.dismissed.has(digest)) return unchanged({ ...state, step: { tag: "idle" } });
  return {
    state: { ...state, step: { tag: "inspecting", digest, failures } },
    effects: [{ type: "inspect", settings: state.wanted!, digest }],
  };
}

function inspected(
  state: KernelState,
  { digest, failures }: { digest: Digest; failures: number },
  commit: string | undefined,
): KernelTransition {
  if (commit === undefined || commit === state.running) return dismiss(state, digest);
  return {
    state: { ...state, step: { tag: "loading", digest, commit, failures } },
    effects: [{ type: "load", settings: state.wanted!, digest, commit }],
  };
}

function dismiss(state: KernelState, digest: Digest): KernelTransition {
  const dismissed = new Set(state.dismissed).add(digest);
  return unchanged({ ...state, dismissed, step: { tag: "idle" } });
}

function postpone(state: KernelState, failures: number): KernelTransition {
  return {
    state: { ...state, step: { tag: "waiting", failures } },
    effects: [{ type: "retryLater", failures }],
  };
}
