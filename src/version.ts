import config from "../deno.json" with { type: "json" };

/** Frontloader's version (semver). */
export const VERSION: string = config.version;
