/** What the metadata service says of a role. */
export interface FakeRole {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
  /** When the credentials expire. */
  readonly expiration: Date;
}

/** What can be wrong with a metadata service. */
export interface MetadataFaults {
  /** The status of its answer to a PUT for a token; 200 unless given. */
  tokenStatus?: number;
  /** The status of its answer to everything else. */
  status?: number;
  /** Nothing is answered as long as this is true. */
  silent?: boolean;
  /** A 200 stops in the middle of its body. */
  stalls?: boolean;
  /** A token that it gives is not one that it takes. */
  refusesTokens?: boolean;
  /** So many requests are answered with status 503 first. */
  unavailable?: number;
}

/**
 * The EC2 instance metadata service on loopback, written from its public protocol (EC2 user guide, "Use the Instance
 * Metadata Service"): a token by PUT with its time to live, no PUT through a proxy, 401 without a valid token.
 */
export class MetadataServer implements AsyncDisposable {
  /** What is at a path below `/latest/`. */
  readonly contents = new Map<string, string>();
  readonly roles = new Map<string, FakeRole>();
  readonly faults: MetadataFaults = {};
  /** True for an instance on which version 1 is switched off, as it is on new ones. */
  requiresToken = true;
  /** The longest time to live of a token, in seconds. */
  longestTtl = 21_600;
  /** The requests so far, as `METHOD path status`. */
  readonly requests: string[] = [];
  readonly #tokens = new Map<string, number>();
  readonly #abort = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /**
   * @param hostname where to listen
   * @param port 0 for any
   */
  constructor({ hostname = "127.0.0.1", port = 0 }: { hostname?: string; port?: number } = {}) {
    const { signal } = this.#abort;
    this.#server = Deno.serve(
      { hostname, port, signal, onListen() {} },
      async (request) => {
        const response = await this.#answer(request);
        const { pathname } = new URL(request.url);
        this.requests.push(`${request.method} ${pathname} ${response.status}`);
        return response;
      },
    );
  }

  get endpoint(): string {
    const { hostname, port } = this.#server.addr;
    return `http://${hostname}:${port}`;
  }

  /** Makes it the service of an instance as it is found in the field. */
  describeInstance(): void {
    for (
      const [path, value] of [
        ["meta-data/instance-id", "i-0123456789abcdef0"],
        ["meta-data/placement/availability-zone", "eu-west-1a"],
        ["meta-data/local-ipv4", "10.0.0.7"],
        ["meta-data/ipv6", "2001:db8::7"],
      ] as const
    ) this.contents.set(path, value);
  }

  /** Gives the instance a role with credentials that are good for six hours. */
  addRole(name: string, role: Partial<FakeRole> = {}): FakeRole {
    const whole = {
      accessKeyId: `ASIA${name.toUpperCase()}`,
      secretAccessKey: `secret-of-${name}-hunter2`,
      token: `token-of-${name}-hunter2`,
      expiration: new Date(Date.now() + 6 * 3_600_000),
      ...role,
    };
    this.roles.set(name, whole);
    return whole;
  }

  /** From now on no token that was given so far is valid. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#server.finished;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { faults } = this;
    if (faults.silent) await new Promise(() => {});
    if (faults.unavailable) {
      faults.unavailable--;
      return new Response(null, { status: 503 });
    }
    if (pathname === "/latest/api/token") return this.#token(request);
    if (request.method !== "GET") return new Response(null, { status: 405 });
    const token = request.headers.get("x-aws-ec2-metadata-token");
    const expiresAt = token === null ? undefined : this.#tokens.get(token);
    const isValid = expiresAt !== undefined && Date.now() < expiresAt;
    if (token === null ? this.requiresToken : !isValid || faults.refusesTokens) {
      return new Response("unauthorized", { status: 401 });
    }
    if (faults.status !== undefined) return new Response("hunter2", { status: faults.status });
    const text = this.#textAt(pathname.replace(/^\/latest\//, ""));
    if (text === undefined) return new Response("not found", { status: 404 });
    return new Response(faults.stalls ? stalledAfter(text.slice(0, 3)) : text);
  }

  #token(request: Request): Response {
    const { faults } = this;
    if (faults.tokenStatus !== undefined) return new Response("no", { status: faults.tokenStatus });
    if (request.method !== "PUT") return new Response(null, { status: 405 });
    // Through a proxy it would be a way from outside to the credentials.
    if (request.headers.has("x-forwarded-for")) return new Response(null, { status: 403 });
    const wanted = Number(request.headers.get("x-aws-ec2-metadata-token-ttl-seconds") ?? "none");
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > 21_600) {
      return new Response(null, { status: 400 });
    }
    const ttl = Math.min(wanted, this.longestTtl);
    const token = crypto.getRandomValues(new Uint8Array(40)).toBase64();
    this.#tokens.set(token, Date.now() + ttl * 1000);
    return new Response(token, {
      headers: { "x-aws-ec2-metadata-token-ttl-seconds": `${ttl}` },
    });
  }

  #textAt(path: string): string | undefined {
    const content = this.contents.get(path);
    if (content !== undefined) return content;
    const directory = "meta-data/iam/security-credentials/";
    if (path === directory) {
      return this.roles.size === 0 ? undefined : [...this.roles.keys()].join("\n");
    }
    if (!path.startsWith(directory)) return undefined;
    const role = this.roles.get(decodeURIComponent(path.slice(directory.length)));
    return role && JSON.stringify({
      Code: "Success",
      LastUpdated: new Date().toISOString(),
      Type: "AWS-HMAC",
      AccessKeyId: role.accessKeyId,
      SecretAccessKey: role.secretAccessKey,
      Token: role.token,
      Expiration: role.expiration.toISOString(),
    });
  }
}

/** A body that begins and does not go on. */
function stalledAfter(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
  });
}
