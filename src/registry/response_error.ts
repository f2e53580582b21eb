import { type RegistryAction, RegistryError } from "./registry_error.ts";
import { parseRetryAfter } from "./retry.ts";
import type { Answer } from "./transport.ts";

const MAX_BODY = 64 * 1024;
const MAX_TEXT = 200;

/**
 * Makes an error of an answer that is not what was asked for, and reads its body for the registry's own words.
 *
 * @param options.now the clock, for a `Retry-After` that is a date
 * @param options.secrets what must not be shown, even if the registry repeats it
 * @param options.remark what the client knows of the matter, put at the end
 */
export async function responseError(
  what: RegistryAction,
  answer: Answer,
  options: { now: number; secrets?: readonly string[]; remark?: string },
): Promise<RegistryError> {
  const { status } = answer;
  const { code, message } = await readErrorBody(answer);
  const clean = (text: string | undefined) => text && sanitize(text, options.secrets ?? []);
  const shownCode = clean(code);
  const shownMessage = clean(message);

  let why = String(status);
  if (shownCode) why += ` ${shownCode}`;
  if (shownMessage) why += ` (${shownMessage})`;
  if (options.remark) why += `; ${options.remark}`;
  return new RegistryError({ ...what, url: answer.url }, why, {
    status,
    code: shownCode,
    temporary: status === 408 || status === 429 || status >= 500,
    retryAfter: parseRetryAfter(answer.headers.get("retry-after"), options.now),
  });
}

/** The first error of a distribution-spec body, or what token servers write: OAuth 2 (RFC 6749, 5.2), `details`. */
async function readErrorBody(answer: Answer): Promise<{ code?: string; message?: string }> {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(await answer.body.readAll(MAX_BODY)));
  } catch {
    return {}; // not JSON, too long or cut short: the status says enough
  }
  const first = property(property(body, "errors"), "0");
  return first === undefined
    ? {
      code: string(property(body, "error")),
      message: string(property(body, "error_description")) ?? string(property(body, "details")),
    }
    : { code: string(property(first, "code")), message: string(property(first, "message")) };
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Text from outside as it may stand in a log: no secrets, no control or invisible characters, not long. */
function sanitize(text: string, secrets: readonly string[]): string {
  const hidden = secrets.reduce(
    (shown, secret) => secret === "" ? shown : shown.replaceAll(secret, "…"),
    text,
  );
  const plain = hidden.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return plain.length > MAX_TEXT ? `${plain.slice(0, MAX_TEXT)}…` : plain;
}
