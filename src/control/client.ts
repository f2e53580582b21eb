import type { SupervisorStatus } from "../supervisor/supervisor.ts";

/** Asks the Frontloader that runs on this machine. */
export class ControlClient implements Disposable {
  readonly #path: string;
  readonly #client: Deno.HttpClient;

  /** @param path of its control socket */
  constructor(path: string) {
    this.#path = path;
    this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /**
   * What runs, since when, from which digest.
   *
   * @throws {Error} if no Frontloader answers
   */
  status(): Promise<SupervisorStatus> {
    return this.#request("GET", "/status");
  }

  /**
   * Has the registry checked now.
   *
   * @param id of one container; undefined for all
   * @returns what came of it, by container id
   * @throws {Error} if no Frontloader answers, or there is no such container
   */
  update(id: string | undefined): Promise<Record<string, string>> {
    return this.#request(
      "POST",
      id === undefined ? "/update" : `/update/${encodeURIComponent(id)}`,
    );
  }

  async #request<T>(method: string, path: string): Promise<T> {
    let response: Response;
    try {
      response = await fetch(`http://frontloader${path}`, { method, client: this.#client });
    } catch (error) {
      throw new Error(
        `Cannot reach Frontloader at "${this.#path}": is it running, and are you root?`,
        // "fetch failed" alone says nothing.
        { cause: error instanceof Error ? error.cause ?? error : error },
      );
    }
    const body = await response.json();
    if (!response.ok) throw new Error(`Cannot carry out the request: ${body.error}`);
    return body;
  }
}
