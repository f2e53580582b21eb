import { type RegistryAction, RegistryError } from "./registry_error.ts";

/**
 * What to throw for something that `fetch` or a body threw.
 *
 * @param signal the signal that the request ran under; if it was aborted, its reason is what counts
 */
export function networkError(
  what: RegistryAction,
  error: unknown,
  signal: AbortSignal,
): unknown {
  if (signal.aborted) return signal.reason;
  // Anything else is the network's doing and may pass: no route yet, no name server yet, a clock before the
  // certificate's first day. The error itself is not kept as a cause: its text has the URL with the query.
  return new RegistryError(what, reasonOf(error), { temporary: true });
}

/** "client error (Connect): tcp connect error: Connection refused (os error 111)" */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replace(/^error sending request .*?: (?=client error)/s, "").replaceAll(
    /(https?:\/\/)([^\s/]*@)?([^\s?#)]*)[^\s)]*/g,
    "$1$3",
  );
}
