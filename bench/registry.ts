/** Debian's docker-registry, on loopback, with its blobs on the tmpfs. */
import { run, until } from "./commands.ts";

/** A blob that was fetched from the registry. */
export interface Fetch {
  readonly digest: string;
  /** That were sent. */
  readonly bytes: number;
}

/** A running registry. */
export class Registry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  #log = "";
  #marks = 0;

  private constructor(host: string) {
    this.host = host;
  }

  /**
   * Starts a registry, which runs as long as the sandbox.
   *
   * @param directory is made for it
   */
  static async start(directory: string): Promise<Registry> {
    const host = `127.0.0.1:${freePort()}`;
    await Deno.mkdir(directory);
    const configuration = `${directory}/config.yml`;
    await Deno.writeTextFile(
      configuration,
      `version: 0.1
log:
  level: error
storage:
  filesystem:
    rootdirectory: ${directory}/storage
http:
  addr: ${host}
`,
    );
    const registry = new Registry(host);
    const child = new Deno.Command("docker-registry", {
      args: ["serve", configuration],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    registry.#readLog(child.stdout);
    await until("the registry answers", async () => {
      const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
      await response?.body?.cancel();
      return response?.ok === true;
    });
    return registry;
  }

  /** Pushes an image of a layout to `REPOSITORY:latest`. */
  async push(layout: string, tag: string, repository: string): Promise<void> {
    await run("skopeo", [
      "--insecure-policy",
      "copy",
      "--quiet",
      "--dest-tls-verify=false",
      `oci:${layout}:${tag}`,
      `docker://${this.host}/${repository}:latest`,
    ]);
  }

  /** The blobs that are fetched while `action` runs, and what it returns. */
  async fetchesDuring<T>(action: () => Promise<T>): Promise<{ result: T; fetches: Fetch[] }> {
    const before = await this.#mark();
    const result = await action();
    const after = await this.#mark();
    return { result, fetches: parseFetches(this.#log.slice(before, after)) };
  }

  /** Waits until all answers so far are logged, which happens after they were given, and returns the length of the log. */
  async #mark(): Promise<number> {
    const mark = `/v2/?mark=${++this.#marks}`;
    await (await fetch(`http://${this.host}${mark}`)).body?.cancel();
    await until("the registry logs", () => this.#log.includes(`GET ${mark} `));
    return this.#log.length;
  }

  async #readLog(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#log += text;
  }
}

/** Parses the fetches of blobs in an access log, in Apache's combined format. */
export function parseFetches(log: string): Fetch[] {
  return Array.from(
    log.matchAll(/"GET \/v2\/\S+\/blobs\/(sha256:[0-9a-f]{64}) HTTP\/[0-9.]+" 20[06] (\d+)/g),
    ([, digest, bytes]) => ({ digest: digest!, bytes: Number(bytes) }),
  );
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
