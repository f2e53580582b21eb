import { decodeBasicPair } from "./basic_pair.ts";
import type { Credentials } from "./token_cache.ts";

/** The key that docker keeps Docker Hub's credentials under, whatever the registry's host is called today. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
const DOCKER_HUB_HOST = "registry-1.docker.io";

/**
 * The credentials that `docker login`, `skopeo login` and their like have stored for a registry, in
 * `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`. Credential helpers are programs, and not run.
 *
 * @param origin of the registry, `https://registry.example:5000`
 * @param env the environment
 * @returns undefined if there are none
 * @throws {Error} if the file is there and cannot be used
 */
export function dockerCredentials(
  origin: string,
  env: Readonly<Record<string, string>>,
): Credentials | undefined {
  const directory = env["DOCKER_CONFIG"] || (env["HOME"] ? `${env["HOME"]}/.docker` : undefined);
  if (directory === undefined) return undefined;
  const path = `${directory}/config.json`;
  const { host } = new URL(origin);
  try {
    const auths = readAuths(path);
    const keys = host === DOCKER_HUB_HOST ? [DOCKER_HUB_KEY, "docker.io"] : [host, origin];
    const found = keys.map((key) => auths[key]).find((entry) => entry?.auth);
    if (found?.auth === undefined) return undefined;
    const credentials = decodeBasicPair(found.auth);
    if (credentials === undefined) throw new Error("no user name and password");
    return credentials;
  } catch {
    // Without the cause: what a parser says of the file may quote it, and it is full of passwords.
    throw new Error(
      `Cannot read the registry credentials in "${path}": it is not what docker login writes`,
    );
  }
}

type Auths = Readonly<Record<string, { readonly auth?: string } | undefined>>;

function readAuths(path: string): Auths {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
  return JSON.parse(text).auths ?? {};
}
