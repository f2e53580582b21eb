/** What was measured, and what it is held against. */
import type { Usage } from "./commands.ts";
import type { Fetch } from "./registry.ts";
import { summarize } from "./rounds.ts";

/** Cold pulls of one contestant. */
export interface PullResult {
  readonly name: string;
  readonly how: string;
  /** Us, one of those that we compare with, or what no complete tool can reach. */
  readonly role: Role;
  readonly usages: readonly Usage[];
}

/** Launches of one contestant. */
export interface LaunchResult {
  readonly name: string;
  readonly how: string;
  readonly role: Role;
  readonly seconds: readonly number[];
}

/** Upgrades of one contestant. */
export interface UpgradeResult extends LaunchResult {
  /** What was fetched in each of them. */
  readonly fetches: readonly (readonly Fetch[])[];
  /** Whether this was, in each of them, the layer and the configuration that had changed, once each. */
  readonly changedOnly: boolean;
}

/** What a contestant is to the comparison; a variant is Frontloader under other circumstances, and no bar is held against it. */
export type Role = "frontloader" | "variant" | "peer" | "floor";

/** All that was measured; parts that were not asked for are missing. */
export interface Results {
  readonly pull?: readonly PullResult[];
  readonly launch?: readonly LaunchResult[];
  readonly upgrade?: readonly UpgradeResult[];
}

/** Something that is to be reached. */
export interface Bar {
  readonly what: string;
  readonly measured: string;
  readonly met: boolean;
}

const PULL_FACTOR = 3;
const LAUNCH_SECONDS = 0.08;

/** Holds what was measured against what is to be reached. */
export function bars({ pull, launch, upgrade }: Results): Bar[] {
  const bars: Bar[] = [];
  if (pull !== undefined) {
    const { name, factor } = fastestPeer(
      pull.map(({ usages, ...rest }) => ({ ...rest, seconds: usages.map((u) => u.seconds) })),
    );
    bars.push({
      what: `a cold pull is at least ${PULL_FACTOR} times faster than the fastest peer's`,
      measured: `${factor.toFixed(2)} times faster than ${name}`,
      met: factor >= PULL_FACTOR,
    });
  }
  if (launch !== undefined) {
    const { name, own, factor } = fastestPeer(launch);
    bars.push({
      what: `a launch takes at most ${LAUNCH_SECONDS * 1000} ms, and less than the fastest peer's`,
      measured: `${(own * 1000).toFixed(0)} ms, ${factor.toFixed(2)} times faster than ${name}`,
      met: own <= LAUNCH_SECONDS && factor > 1,
    });
  }
  const own = upgrade?.find(({ role }) => role === "frontloader");
  if (own !== undefined) {
    bars.push({
      what: "an upgrade fetches the changed layer and the changed configuration only",
      measured: own.changedOnly ? "nothing else in any round" : "something else",
      met: own.changedOnly,
    });
  }
  return bars;
}

/** The peer with the least median, Frontloader's own median, and how much less that is. */
function fastestPeer(
  results: readonly { name: string; role: Role; seconds: readonly number[] }[],
): { name: string; own: number; factor: number } {
  const medians = results.map(({ name, role, seconds }) => ({
    name,
    role,
    median: summarize(seconds).median,
  }));
  const own = medians.find(({ role }) => role === "frontloader")!.median;
  const peers = medians.filter(({ role }) => role === "peer");
  const fastest = peers.reduce((best, peer) => peer.median < best.median ? peer : best);
  return { name: fastest.name, own, factor: fastest.median / own };
}
