import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { FakeRole } from "./metadata_server.ts";

/** What a role may not do, or AWS cannot. */
export interface AwsFaults {
  /** Instead of an answer, an error of this name and status, so many times. */
  error?: { readonly code: string; readonly status: number; readonly times: number };
  /** Nothing is answered. */
  silent?: boolean;
  /** An answer stops in the middle of its body. */
  stalls?: boolean;
  /** Every answer is this text. */
  nonsense?: string;
}

/** A request that came with a good signature. */
interface Signed {
  readonly role: string;
  readonly region: string;
  readonly service: string;
  readonly request: Request;
  readonly url: URL;
  readonly body: string;
}

/** An answer that is an error: a status, a code and a message. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Secrets Manager, Parameter Store, S3 and ECR on loopback, as far as one request of each goes. Signatures are verified with
 * the SDK's own signing library: each request is signed again with the secret of the role that it claims to come from.
 */
export class AwsServer implements AsyncDisposable {
  /** Secrets by id: text, or bytes for `SecretBinary`. */
  readonly secrets = new Map<string, string | Uint8Array>();
  readonly parameters = new Map<string, string>();
  /** Objects by `bucket/key`. */
  readonly objects = new Map<string, string>();
  /** The password in the next ECR token. */
  registryPassword = "ecr-password-hunter2";
  /** How long an ECR token is good for, in milliseconds. */
  registryTokenLifetime = 12 * 3_600_000;
  /** Roles that are refused. */
  readonly denied = new Set<string>();
  readonly faults: AwsFaults = {};
  /** The requests so far: `role region service operation`. */
  readonly requests: string[] = [];
  readonly #roles: ReadonlyMap<string, FakeRole>;
  readonly #abort = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param roles who may sign, as the metadata server has them at the time of a request */
  constructor(roles: ReadonlyMap<string, FakeRole>) {
    this.#roles = roles;
    const { signal } = this.#abort;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, signal, onListen() {} },
      (request) => this.#handle(request),
    );
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#server.finished;
  }

  async #handle(request: Request): Promise<Response> {
    const isXml = request.headers.get("x-amz-target") === null;
    try {
      const { faults } = this;
      if (faults.silent) await new Promise(() => {});
      const signed = await this.#verify(request);
      if (faults.error !== undefined && faults.error.times > 0) {
        const { code, status, times } = faults.error;
        faults.error = { code, status, times: times - 1 };
        throw new Refusal(status, code, "as the test wants it");
      }
      if (this.denied.has(signed.role)) {
        const code = isXml ? "AccessDenied" : "AccessDeniedException";
        throw new Refusal(isXml ? 403 : 400, code, `${signed.role} is not authorized to do this`);
      }
      const answer = this.#answer(signed);
      if (faults.nonsense !== undefined) return new Response(faults.nonsense);
      return faults.stalls ? stalled(await answer.bytes(), answer.headers) : answer;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return isXml ? xmlError(error) : jsonError(error);
    }
  }

  #answer({ role, region, service, request, url, body }: Signed): Response {
    const [, operation = "GetObject"] = request.headers.get("x-amz-target")?.split(".") ?? [];
    this.requests.push(`${role} ${region} ${service} ${operation}`);
    const input = operation === "GetObject" ? {} : JSON.parse(body);
    switch (`${service} ${operation}`) {
      case "secretsmanager GetSecretValue":
        return this.#secret(input.SecretId);
      case "ssm GetParameter": {
        const value = this.parameters.get(input.Name);
        if (value === undefined) throw new Refusal(400, "ParameterNotFound", "");
        return json({
          Parameter: {
            Name: input.Name,
            Type: "SecureString",
            Value: input.WithDecryption ? value : "AQICAHencrypted",
          },
        });
      }
      case "s3 GetObject": {
        const contents = this.objects.get(decodeURIComponent(url.pathname.slice(1)));
        if (contents === undefined) throw new Refusal(404, "NoSuchKey", "no such key");
        return new Response(contents);
      }
      case "ecr GetAuthorizationToken":
        return json({
          authorizationData: [{
            authorizationToken: btoa(`AWS:${this.registryPassword}`),
            expiresAt: (Date.now() + this.registryTokenLifetime) / 1000,
            proxyEndpoint: "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com",
          }],
        });
      default:
        throw new Refusal(400, "UnknownOperationException", `${service} ${operation}`);
    }
  }

  #secret(id: string): Response {
    const value = this.secrets.get(id);
    if (value === undefined) {
      const message = "Secrets Manager can't find the specified secret.";
      throw new Refusal(400, "ResourceNotFoundException", message);
    }
    return json({
      ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${id}-AbCdEf`,
      Name: id,
      VersionId: "4d0b0d2e-0000-4000-8000-000000000000",
      ...typeof value === "string" ? { SecretString: value } : { SecretBinary: value.toBase64() },
    });
  }

  async #verify(request: Request): Promise<Signed> {
    const url = new URL(request.url);
    const bytes = await request.bytes();
    const authorization = request.headers.get("authorization") ?? "";
    const parts =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=/
        .exec(authorization);
    if (parts === null) throw new Refusal(403, "MissingAuthenticationTokenException", "unsigned");
    const [, accessKeyId, , region = "", service = "", names = ""] = parts;
    const found = [...this.#roles].find(([, role]) => role.accessKeyId === accessKeyId);
    if (found === undefined) {
      throw new Refusal(403, "UnrecognizedClientException", "The security token is invalid.");
    }
    const [name, role] = found;
    if (request.headers.get("x-amz-security-token") !== role.token) {
      throw new Refusal(403, "UnrecognizedClientException", "The security token is invalid.");
    }
    if (role.expiration.getTime() <= Date.now()) {
      throw new Refusal(403, "ExpiredTokenException", "The security token has expired.");
    }
    const date = parseDate(request.headers.get("x-amz-date") ?? "");
    if (!(Math.abs(date.getTime() - Date.now()) < 5 * 60_000)) {
      throw new Refusal(403, "RequestExpired", "the clock is wrong");
    }
    const signer = new SignatureV4({
      service,
      region,
      sha256: Sha256,
      // "S3 … does not need to normalize or escape paths twice" (IAM user guide, "Create a signed request")
      uriEscapePath: service !== "s3",
      applyChecksum: false,
      credentials: {
        accessKeyId: role.accessKeyId,
        secretAccessKey: role.secretAccessKey,
        sessionToken: role.token,
      },
    });
    const headers = Object.fromEntries(
      names.split(";").map((header) => [header, request.headers.get(header) ?? ""]),
    );
    const signed = await signer.sign({
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      port: Number(url.port),
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers,
      body: bytes,
    }, { signingDate: date, signableHeaders: new Set(names.split(";")) });
    if (signed.headers["authorization"] !== authorization) {
      // With what AWS says in this case: the request as it should be, with its session token.
      const canonical = names.split(";").map((header) => `${header}:${headers[header]}`).join("\n");
      throw new Refusal(
        403,
        service === "s3" ? "SignatureDoesNotMatch" : "InvalidSignatureException",
        `The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'${canonical}'`,
      );
    }
    return { role: name, region, service, request, url, body: new TextDecoder().decode(bytes) };
  }
}

/** `20301231T235959Z` */
function parseDate(text: string): Date {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function json(value: unknown): Response {
  return Response.json(value, { headers: { "content-type": "application/x-amz-json-1.1" } });
}

function jsonError({ status, code, message }: Refusal): Response {
  return Response.json({ __type: code, message }, {
    status,
    headers: { "content-type": "application/x-amz-json-1.1", "x-amzn-errortype": code },
  });
}

function xmlError({ status, code, message }: Refusal): Response {
  return new Response(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
    { status, headers: { "content-type": "application/xml" } },
  );
}

function stalled(bytes: Uint8Array, headers: Headers): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes.subarray(0, 3)),
  });
  return new Response(body, { headers });
}

/** What the signing library wants of a hash function. */
class Sha256 {
  readonly #secret: string | ArrayBuffer | ArrayBufferView | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret;
    this.#hash = this.#fresh();
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(toInput(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }

  reset(): void {
    this.#hash = this.#fresh();
  }

  #fresh(): Hash | Hmac {
    return this.#secret === undefined
      ? createHash("sha256")
      : createHmac("sha256", toInput(this.#secret));
  }
}

function toInput(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === "string") return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
