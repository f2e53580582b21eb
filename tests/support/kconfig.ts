/** What files in kconfig's format ask for, and what a `.config` has made of it. */

/** A line of a configuration: a value as it is written, or undefined for a symbol that is switched off. */
export type Assignments = ReadonlyMap<string, string | undefined>;

/** Reads a defconfig, a fragment or a `.config`; what comes later counts. */
export function parseAssignments(text: string): Assignments {
  const assignments = new Map<string, string | undefined>();
  for (const line of text.split("\n")) {
    const [, off, name, value] = /^# (\w+) is not set$|^(\w+)=(.*)$/.exec(line) ?? [];
    if (off !== undefined) assignments.set(off, undefined);
    else if (name !== undefined) assignments.set(name, value);
  }
  return assignments;
}

/** The assignments that a finished `.config` does not have: kconfig drops silently what it does not know, or cannot have. */
export function lost(wanted: Assignments, config: Assignments): string[] {
  return [...wanted].filter(([name, value]) => config.get(name) !== value)
    .map(([name, value]) => `${name}=${value ?? "n"} became ${config.get(name) ?? "n"}`);
}
