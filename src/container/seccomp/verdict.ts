import { Errno } from "../../../ffi/errno.ts";
import { CAPABILITIES, type CapabilityName } from "../capabilities.ts";
import { ALLOWED, type ArgumentRule, CONDITIONAL, REFUSED_BY, WITH_CAPABILITY } from "./profile.ts";

/** What becomes of a system call. */
export type Verdict =
  | { readonly kind: "allow" }
  | { readonly kind: "refuse"; readonly errno: number }
  /** Allowed or refused, by an argument. */
  | { readonly kind: "conditional"; readonly rule: ArgumentRule; readonly errno: number };

const allowed = new Set(ALLOWED);

/**
 * Decides on the calls that a container with these capabilities makes.
 *
 * @param capabilities names as in {@linkcode CAPABILITIES}
 * @returns the verdict on a call by its name
 */
export function verdicts(capabilities: readonly string[]): (name: string) => Verdict {
  const opened = new Set(
    (Object.keys(CAPABILITIES) as CapabilityName[])
      .filter((capability) => capabilities.includes(capability))
      .flatMap((capability) => WITH_CAPABILITY[capability] ?? []),
  );
  return (name) => {
    if (allowed.has(name) || opened.has(name)) return { kind: "allow" };
    const errno = REFUSED_BY[name] ?? Errno.EPERM;
    const rule = CONDITIONAL[name];
    return rule === undefined ? { kind: "refuse", errno } : { kind: "conditional", rule, errno };
  };
}

/**
 * The verdict on a number that no call has, or one that is newer than the profile: as if the kernel had no such call, so
 * that programs fall back on what they did before there was one (so does runc, libcontainer/seccomp/patchbpf).
 */
export const UNKNOWN_CALL: Verdict = { kind: "refuse", errno: Errno.ENOSYS };
