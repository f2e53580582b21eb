/** Frontloader's log: one line an event, on standard output. */
import { compareLogLevel, configureSync, type LogLevel, type LogRecord } from "@logtape/logtape";
import { BoundedWriter } from "./bounded_writer.ts";
import { escapeControls } from "./escape_controls.ts";
import { FOREIGN_CATEGORY, type ForeignMessage, foreignMessageOf } from "./foreign_message.ts";
import { contextOf, textOf } from "./record_parts.ts";
import { Facility, SEVERITIES } from "./syslog/priority.ts";

/** Category of what containers put out: `["output", ID]`. */
export const OUTPUT_CATEGORY = "output";

const encoder = new TextEncoder();

/**
 * Starts logging.
 *
 * @param options `level`: the least level on standard output, but for what containers put out; `forward`: called with every record, of
 * whatever level, for where else it is wanted
 * @returns waits until all lines so far are written, or it is clear that nobody takes them
 */
export function startLog(
  { level = "info", forward = () => {} }: {
    readonly level?: LogLevel;
    readonly forward?: (record: LogRecord) => void;
  } = {},
): () => Promise<void> {
  const writer = new BoundedWriter(Deno.stdout);
  const print = (record: LogRecord) => writer.write(encoder.encode(`${formatRecord(record)}\n`));
  configureSync({
    // Called again by tests only.
    reset: true,
    sinks: {
      stdout: print,
      important: (record) => isImportant(record, level) && print(record),
      forward,
    },
    loggers: [
      { category: "frontloader", lowestLevel: "trace", sinks: ["important", "forward"] },
      { category: OUTPUT_CATEGORY, lowestLevel: "info", sinks: ["stdout", "forward"] },
      { category: FOREIGN_CATEGORY, lowestLevel: "trace", sinks: ["important", "forward"] },
      // LogTape's own: only what went wrong in logging itself.
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stdout"] },
    ],
  });
  return () => writer.flush();
}

/**
 * True for what belongs on standard output. The kernel says hundreds of things at each boot that nobody wants to read between the
 * phases of it: what is less than a notice is for receivers, and for who wants to see everything.
 *
 * @param level the least level
 */
export function isImportant(record: LogRecord, level: LogLevel): boolean {
  if (compareLogLevel(record.level, level) < 0) return false;
  const foreign = foreignMessageOf(record);
  if (foreign?.facility !== Facility.KERN || compareLogLevel(level, "debug") <= 0) return true;
  return foreign.severity <= SEVERITIES.indexOf("notice");
}

/**
 * Formats a record as one line: time, level, component, message, then its properties that the message does not name.
 * Output of a container is its line alone, behind `ID|`. So that nobody else can be taken for Frontloader, only the kernel's
 * messages look like its own; those of others stand behind `NAME[PID]|`, or `ID/NAME[PID]|` in a container.
 */
export function formatRecord(record: LogRecord): string {
  const { category, level, timestamp } = record;
  const time = new Date(timestamp).toISOString();
  if (category[0] === OUTPUT_CATEGORY) {
    return `${time} ${category.slice(1).join(".")}| ${textOf(record)}`;
  }
  const foreign = foreignMessageOf(record);
  if (foreign !== undefined) return `${time} ${showForeign(foreign)}`;
  const text = escapeControls(textOf(record));
  const context = contextOf(record).map(([key, value]) => ` ${key}=${showValue(value)}`);
  return `${time} ${level.padEnd(7)} ${category.slice(1).join(".") || "main"}: ${text}${
    context.join("")
  }`;
}

function showForeign(message: ForeignMessage): string {
  const { facility, severity, appName, procId, text, container } = message;
  const level = SEVERITIES[severity]!.padEnd(7);
  const place = container === undefined ? "" : `${container}/`;
  const from = `${place}${appName || "-"}${procId === "" ? "" : `[${procId}]`}`;
  return escapeControls(`${level} ${from}${facility === Facility.KERN ? ":" : "|"} ${text}`);
}

function showValue(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return escapeControls(value);
  if (typeof value === "string" || typeof value === "object") {
    return escapeControls(JSON.stringify(value));
  }
  return String(value);
}
