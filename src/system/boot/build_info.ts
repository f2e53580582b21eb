/** Where a system says what it was built from: `os-release(5)`. */
const OS_RELEASE = "/etc/os-release";

/** What the running system was built from. */
export interface BuildInfo {
  /** The commit, as `git rev-parse HEAD` gives it. */
  readonly commit: string | undefined;
  readonly builtAt: Date | undefined;
}

/** What the running system was built from, as far as it says. */
export function buildInfo(read: (path: string) => string = Deno.readTextFileSync): BuildInfo {
  let text = "";
  try {
    text = read(OS_RELEASE);
  } catch {
    // A system that does not say is one that somebody has put together himself.
  }
  const values = new Map(
    text.split("\n").flatMap((line) => {
      const match = /^([A-Z0-9_]+)=(["']?)(.*)\2$/.exec(line);
      return match === null ? [] : [[match[1]!, match[3]!] as const];
    }),
  );
  const builtAt = new Date(Number(values.get("FRONTLOADER_BUILD_TIME") || NaN) * 1000);
  return {
    commit: values.get("BUILD_ID") || undefined,
    builtAt: Number.isNaN(builtAt.getTime()) ? undefined : builtAt,
  };
}
