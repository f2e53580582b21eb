/** Takes out of a URL what may be a secret. */

/**
 * The URL without user information, query and fragment: what may be shown. Works on text that is not quite a URL too,
 * since messages about it show it; text without a scheme stays as it is.
 *
 * @param text a URL, or a path
 */
export function redactUrl(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text;
  // Up to the last "@": a password with a "/" or "@" that is not percent-encoded must not be shown in part.
  return text.replace(/[?#].*$/s, "").replace(/:\/\/.*@/s, "://");
}
