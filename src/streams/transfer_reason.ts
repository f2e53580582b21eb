/**
 * What can be shown of the text of an error that fetch or a file operation threw: it may have the whole URL in it, with user
 * information and query.
 */
export function transferReason(error: unknown): string {
  const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  // "error sending request for url (http://host/?query): client error (Connect): tcp connect error: …". A URL has no
  // space, so what stands behind the last "): " is no part of it.
  const text = message.includes(" for url (") ? message.split("): ").at(-1)! : message;
  // "No such file or directory (os error 2): open 'path'"
  return text.replace(/ \(os error \d+\).*$/s, "");
}
