/** One challenge of a `WWW-Authenticate` header. */
export interface Challenge {
  /** In lower case: "bearer", "basic". */
  readonly scheme: string;
  /** By name in lower case, quotes removed. */
  readonly parameters: ReadonlyMap<string, string>;
}

// RFC 9110, section 5.6.2. Values that need quotes are accepted without, as some registries write their realm so.
const SCHEME = /[\s,]*([!#$%&'*+.^`|~\w-]+)(?=[\s,]|$)/y;
const TOKEN68 = / +[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;
const PARAMETER = /[\s,]*([!#$%&'*+.^`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/ys;

/**
 * Reads a `WWW-Authenticate` header (RFC 9110, section 11.6.1): any number of challenges, of which the quoted values may
 * hold commas. Reading stops where the header is malformed; what came before counts.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  let position = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = position;
    const match = pattern.exec(header);
    if (match !== null) position = pattern.lastIndex;
    return match;
  };

  // A name is a scheme if no "=" follows it, which is all that tells the next challenge from one more parameter.
  for (let scheme = take(SCHEME); scheme !== null; scheme = take(SCHEME)) {
    take(TOKEN68); // what Negotiate and the like have instead of parameters; of no use here
    const parameters = new Map<string, string>();
    for (let match = take(PARAMETER); match !== null; match = take(PARAMETER)) {
      const [, name = "", quoted, bare = ""] = match;
      const value = quoted?.replaceAll(/\\(.)/gs, "$1") ?? bare;
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
    }
    challenges.push({ scheme: (scheme[1] ?? "").toLowerCase(), parameters });
  }
  return challenges;
}
