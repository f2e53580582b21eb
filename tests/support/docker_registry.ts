/** Docker's own registry (Debian's package docker-registry, distribution 2.8) on loopback, with its storage in a temporary directory. */
import { LineSplitter } from "../../src/streams/line_splitter.ts";
import { commandText } from "./command.ts";
import { eventually } from "./frontloader.ts";
import { TemporaryDirectory } from "./temporary_directory.ts";
import type { TokenServer } from "./token_server.ts";

/** Who may use the registry. */
export type DockerRegistryAuth =
  | { readonly type: "none" }
  /** Whoever has the password. */
  | { readonly type: "basic"; readonly username: string; readonly password: string }
  /** Whoever has a token. */
  | { readonly type: "token"; readonly server: TokenServer };

/** A running registry. */
export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** Its log so far: what it says, and a line for each request in Apache's format. */
  readonly lines: readonly string[];
}

/** Starts a registry; resolves once it listens. */
export async function startDockerRegistry(
  auth: DockerRegistryAuth = { type: "none" },
): Promise<DockerRegistry> {
  const directory = new TemporaryDirectory();
  const configuration = {
    version: "0.1",
    log: { level: "info" },
    // Port 0: the kernel chooses a free one, and the log says which.
    http: { addr: "127.0.0.1:0", secret: crypto.randomUUID() },
    storage: { filesystem: { rootdirectory: `${directory.path}/storage` } },
    ...await authSection(auth, directory.path),
  };
  // What is JSON is YAML as well.
  Deno.writeTextFileSync(`${directory.path}/config.yml`, JSON.stringify(configuration));
  const child = new Deno.Command("docker-registry", {
    args: ["serve", `${directory.path}/config.yml`],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  const output = [child.stdout, child.stderr].map(async (stream) => {
    const splitter = new LineSplitter((line) => lines.push(line), 1 << 16);
    for await (const chunk of stream) splitter.write(chunk);
    splitter.end();
  });
  const stop = async () => {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended by itself, which its status tells.
    }
    await child.status;
    await Promise.all(output);
    directory[Symbol.dispose]();
  };
  let ended: Error | undefined;
  child.status.then(({ code }) => ended = new Error(`it ended with exit status ${code}`));
  try {
    const listening = await eventually(
      "docker-registry listens",
      () => ended ?? /listening on (127\.0\.0\.1:\d+)/.exec(lines.join("\n"))?.[1],
    );
    if (listening instanceof Error) throw listening;
    return {
      host: listening,
      origin: `http://${listening}`,
      lines,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw new Error(`Cannot start docker-registry; its log:\n${lines.join("\n")}`, {
      cause: error,
    });
  }
}

async function authSection(auth: DockerRegistryAuth, directory: string): Promise<object> {
  switch (auth.type) {
    case "none":
      return {};
    case "basic": {
      const path = `${directory}/htpasswd`;
      // The registry takes bcrypt only. At its least cost: every request is checked.
      const line = await commandText(["htpasswd", "-niB", "-C", "4", auth.username], {
        stdin: auth.password,
      });
      Deno.writeTextFileSync(path, line);
      return { auth: { htpasswd: { realm: "test", path } } };
    }
    case "token": {
      const { realm, service, issuer, certificate } = auth.server;
      const rootcertbundle = `${directory}/certificate.pem`;
      Deno.writeTextFileSync(rootcertbundle, certificate);
      return { auth: { token: { realm, service, issuer, rootcertbundle } } };
    }
  }
}
