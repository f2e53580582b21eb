import { FetchHttpHandler } from "@smithy/fetch-http-handler";
import { LinkedAbort, unlessAborted } from "../registry/linked_abort.ts";
import { transferReason } from "../streams/transfer_reason.ts";
import type { AwsIdentity, AwsRequestOptions } from "./aws_access.ts";
import type { AwsCredentials } from "./role_credentials.ts";

/** A reason is one line of this length at most. */
const LONGEST_REASON = 400;

/** Something that was asked of AWS and failed. Neither its message nor its properties hold what the request was signed with. */
export class AwsError extends Error {
  override readonly name = "AwsError";
  /** AWS's own name for what went wrong, `AccessDeniedException`; absent if there was no usable answer. */
  readonly code?: string;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** A client of the AWS SDK. */
interface Client {
  destroy(): void;
}

/** What the SDK's clients are made with. */
export interface ClientOptions {
  readonly region: string;
  readonly credentials: AwsCredentials;
  readonly requestHandler: FetchHttpHandler;
  readonly maxAttempts: number;
}

/**
 * Makes one request with a client of the AWS SDK, which is made for it and thrown away: requests are minutes apart.
 *
 * @param place the region, and who asks
 * @param make makes the client; what it throws on its own has no secrets
 * @param send sends the request, and ends if the signal is aborted
 * @throws {AwsError} if AWS says no or cannot be reached
 */
export async function awsRequest<C extends Client, T>(
  { region, identity }: { readonly region: string; readonly identity: AwsIdentity },
  make: (options: ClientOptions) => C,
  send: (client: C, options: { abortSignal: AbortSignal }) => Promise<T>,
  { signal, timeout }: AwsRequestOptions,
): Promise<T> {
  // Before the client: what is said of them is ours, not the SDK's, and once is enough.
  const credentials = await identity.credentials();
  using abort = new LinkedAbort(signal);
  const reason = new Error(`no answer for ${timeout / 1000} s`);
  const timer = setTimeout(() => abort.abort(reason), timeout);
  const client = make({
    region,
    credentials,
    requestHandler: new FetchHttpHandler(),
    maxAttempts: 3,
  });
  try {
    // The SDK forgets the signal once the answer's first byte has come.
    return await unlessAborted(send(client, { abortSignal: abort.signal }), abort.signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (abort.signal.aborted) throw new AwsError(reason.message);
    throw toAwsError(error);
  } finally {
    clearTimeout(timer);
    client.destroy();
  }
}

function toAwsError(error: unknown): AwsError {
  if (!isServiceException(error)) return new AwsError(firstLine(transferReason(error)));
  const { name, $metadata: { httpStatusCode } } = error;
  const status = httpStatusCode === undefined ? "" : ` (status ${httpStatusCode})`;
  return new AwsError(`${name}${status}: ${firstLine(error.message)}`, name);
}

interface ServiceException extends Error {
  readonly $fault: "client" | "server";
  readonly $metadata: { readonly httpStatusCode?: number };
}

function isServiceException(error: unknown): error is ServiceException {
  return error instanceof Error && "$fault" in error && "$metadata" in error;
}

/** Only the first: of a wrong signature AWS quotes the whole request further down, with its session token. */
function firstLine(text: string): string {
  return text.trim().split(/[\r\n]/, 1)[0]!.slice(0, LONGEST_REASON);
}
