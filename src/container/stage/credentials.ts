import {
  keepCapabilities,
  reduceBoundingSet,
  setAmbientCapabilities,
  setCapabilities,
  setGid,
  setGroups,
  setNoNewPrivileges,
  setParentDeathSignal,
  setUid,
} from "../../../ffi/credentials.ts";
import { Signal } from "../../../ffi/process.ts";
import { CAPABILITIES, type CapabilityName } from "../capabilities.ts";
import type { ProcessSpec } from "../launch_spec.ts";

/**
 * Takes on the container's user, groups and capabilities, for good.
 *
 * The order matters: the bounding set and the groups need capabilities that are gone later; leaving root clears the
 * permitted set unless it is kept, and the effective and ambient ones always; and the kernel forgets the parent-death
 * signal at every change of credentials, so it comes last (`stage.ts` says why it is KILL).
 *
 * @throws {SyscallError} EPERM for a capability that this machine does not give
 */
export function assumeCredentials({ uid, gid, groups, capabilities }: ProcessSpec): void {
  const wanted = capabilityMask(capabilities);
  reduceBoundingSet(wanted);
  keepCapabilities();
  setGroups(groups);
  setGid(gid);
  setUid(uid);
  // Root needs nothing inheritable: execve gives it the whole bounding set. Inheritable capabilities of root would let
  // programs with inheritable file capabilities raise them (CVE-2022-24769). Others keep theirs through the ambient set,
  // which must be inheritable.
  const ambient = uid === 0 ? 0n : wanted;
  setCapabilities({ effective: wanted, permitted: wanted, inheritable: ambient });
  setAmbientCapabilities(ambient);
  setNoNewPrivileges();
  setParentDeathSignal(Signal.KILL);
}

/** The set of these capabilities as a bit mask. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce(
    (mask, name) => mask | 1n << BigInt(CAPABILITIES[name as CapabilityName]),
    0n,
  );
}
