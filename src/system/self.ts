/**
 * How Frontloader starts itself. It comes in three forms (a program made by `deno compile`, a bundle that the `deno` binary
 * runs, and these sources in development), and this is the one place that knows in which of them it runs.
 */

/** A command that starts another process of this program. */
export interface SelfCommand {
  /** The executable. */
  readonly path: string;
  /** All arguments, with the executable's own name first. */
  readonly argv: readonly string[];
  /** The whole environment: nothing of this process's own goes on, since a configuration URL in it may hold a password. */
  readonly env: Readonly<Record<string, string>>;
}

/** Variables that the child needs to find its own code, or that switch off what it must not do. */
const PASSED_ON = [
  "DENO_DIR",
  "HOME",
  "PATH",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "DENO_TLS_CA_STORE",
  "DENO_CERT",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
];

/** Found out at once: in a chroot the kernel calls it otherwise after a change of mount namespace. */
const EXECUTABLE = Deno.execPath();

/**
 * Gives the command that starts this program with other arguments.
 *
 * @param args what `main.ts` gets: `["pull", …]`
 */
export function selfCommand(args: readonly string[]): SelfCommand {
  const argv = ["frontloader", ...runtimeArguments(), ...args];
  return { path: EXECUTABLE, argv, env: selfEnvironment() };
}

/**
 * Loads AWS's SDK and what needs it. Not by `import("…")` with a path that the bundler sees: the SDK would then become a part
 * of the bundle, and bring Deno's module loader for CommonJS, with which each stage starts 15 ms later and 10 MB larger.
 */
export function loadAwsSdk(): Promise<typeof import("../aws/sdk.ts")> {
  return import(new URL(isBundle() ? "./sdk.js" : "../aws/sdk.ts", import.meta.url).href);
}

/** Bundled, this file has become part of one that lies beside `main.js`. */
function isBundle(): boolean {
  return !import.meta.url.endsWith("/src/system/self.ts");
}

function runtimeArguments(): string[] {
  if (Deno.build.standalone) return [];
  const run = ["run", "--quiet", "--allow-all", "--no-prompt", "--cached-only"];
  // In a bundle everything is there: a deno.json that happens to lie in the current directory is not ours.
  return isBundle()
    ? [...run, "--no-config", "--no-lock", Deno.mainModule]
    : [...run, new URL("../main.ts", import.meta.url).href];
}

function selfEnvironment(): Record<string, string> {
  const env: Record<string, string> = { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  for (const name of PASSED_ON) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}
