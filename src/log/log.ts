/** Frontloader's log: one line an event, on standard output. */
import { configureSync, type LogLevel, type LogRecord } from "@logtape/logtape";
import { BoundedWriter } from "./bounded_writer.ts";
import { escapeControls } from "./escape_controls.ts";

/** Category of what containers put out: `["output", ID]`. */
export const OUTPUT_CATEGORY = "output";

const encoder = new TextEncoder();

/**
 * Starts logging.
 *
 * @param options `level`: the least level that is logged
 * @returns waits until all lines so far are written, or it is clear that nobody takes them
 */
export function startLog(
  { level = "info" }: { readonly level?: LogLevel } = {},
): () => Promise<void> {
  const writer = new BoundedWriter(Deno.stdout);
  configureSync({
    // Called again by tests only.
    reset: true,
    sinks: { stdout: (record) => writer.write(encoder.encode(`${formatRecord(record)}\n`)) },
    loggers: [
      { category: "frontloader", lowestLevel: level, sinks: ["stdout"] },
      { category: OUTPUT_CATEGORY, lowestLevel: "info", sinks: ["stdout"] },
      // LogTape's own: only what went wrong in logging itself.
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stdout"] },
    ],
  });
  return () => writer.flush();
}

/**
 * Formats a record as one line: time, level, component, message, then its properties that the message does not name.
 * Output of a container is its line alone, behind `ID|`.
 */
export function formatRecord(
  { category, level, message, properties, rawMessage, timestamp }: LogRecord,
): string {
  const time = new Date(timestamp).toISOString();
  if (category[0] === OUTPUT_CATEGORY) {
    return `${time} ${category.slice(1).join(".")}| ${message.map(String).join("")}`;
  }
  const text = escapeControls(message.map(String).join(""));
  const named = typeof rawMessage === "string" ? rawMessage : rawMessage.join("");
  const context = Object.entries(properties)
    .filter(([key, value]) => value !== undefined && !named.includes(`{${key}}`))
    .map(([key, value]) => ` ${key}=${showValue(value)}`);
  return `${time} ${level.padEnd(7)} ${category.slice(1).join(".") || "main"}: ${text}${
    context.join("")
  }`;
}

function showValue(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return escapeControls(value);
  if (typeof value === "string" || typeof value === "object") {
    return escapeControls(JSON.stringify(value));
  }
  return String(value);
}
