/** What a record of the log says: shared by all forms in which it is written. */
import type { LogRecord } from "@logtape/logtape";

/** Its message, with the properties that stand in it. */
export function textOf({ message }: Pick<LogRecord, "message">): string {
  return message.map(String).join("");
}

/** Its context: the properties that have a value and that its message does not name. */
export function contextOf(
  { properties, rawMessage }: Pick<LogRecord, "properties" | "rawMessage">,
): [key: string, value: unknown][] {
  const named = typeof rawMessage === "string" ? rawMessage : rawMessage.join("");
  return Object.entries(properties)
    .filter(([key, value]) => value !== undefined && !named.includes(`{${key}}`));
}
