/** A JSON object that came from outside. */
export type JsonObject = { readonly [key: string]: unknown };

/** True for an object that is no list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses a document whose top is an object.
 *
 * @throws {Error} if it is something else
 */
export function parseJson(bytes: Uint8Array): JsonObject {
  const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (!isObject(value)) throw new Error("it is not a JSON object");
  return value;
}
