/** Variables that every container has unless its image or its settings say otherwise. */
const DEFAULTS: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
  TMPDIR: "/tmp",
  TZ: "UTC",
};

/** What {@linkcode containerEnvironment} puts together. */
export interface EnvironmentSources {
  /** The image's `Env`: `NAME=value` each (image-spec, config.md). */
  readonly image: readonly string[];
  /** What every container of this machine is told; wins over the image's. */
  readonly machine: Readonly<Record<string, string>>;
  /** The container's settings; they win over all. */
  readonly settings: Readonly<Record<string, string>>;
  /** Who the container runs as, for `HOME`. */
  readonly uid: number;
}

/**
 * Puts together a container's environment: defaults, then the image's, the machine's, and the settings'.
 */
export function containerEnvironment(
  { image, machine, settings, uid }: EnvironmentSources,
): Record<string, string> {
  const fromImage = image.map((entry): [string, string] => {
    const equals = entry.indexOf("=");
    // An entry without "=" has no value to give; docker takes it as empty, too.
    return equals === -1 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
  });
  return {
    ...DEFAULTS,
    HOME: uid === 0 ? "/root" : "/",
    ...Object.fromEntries(fromImage),
    ...machine,
    ...settings,
  };
}
