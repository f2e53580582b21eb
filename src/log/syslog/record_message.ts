import type { LogRecord } from "@logtape/logtape";
import { type ForeignMessage, foreignMessageOf } from "../foreign_message.ts";
import { OUTPUT_CATEGORY } from "../log.ts";
import { contextOf, textOf } from "../record_parts.ts";
import { Facility, severityOfLevel } from "./priority.ts";
import { SD_ID, structuredElement, type SyslogMessage } from "./rfc5424.ts";

/** What messages are from that Frontloader says itself. */
export const OWN_NAME = "frontloader";

/** A machine's host name until somebody gives it one (CONFIG_DEFAULT_HOSTNAME). */
const NO_HOSTNAME = "(none)";

/** Who writes messages. */
export interface Sender {
  readonly hostname: string;
  /** Of Frontloader. */
  readonly pid: number;
}

/**
 * Makes a message of a record. Frontloader's own are by "frontloader", their MSGID is the component, and their context is
 * structured data; output is by the container's id, its MSGID is `stdout` or `stderr`; what others have logged keeps its
 * facility, severity and names.
 */
export function messageOf(record: LogRecord, sender: Sender): SyslogMessage {
  const { category, level, timestamp } = record;
  const { pid } = sender;
  const hostname = sender.hostname === NO_HOSTNAME ? "" : sender.hostname;
  const foreign = foreignMessageOf(record);
  if (foreign !== undefined) {
    return { ...foreign, structuredData: foreignData(foreign), timestamp, hostname };
  }
  const severity = severityOfLevel(level);
  const common = { facility: Facility.DAEMON, severity, timestamp, hostname, text: textOf(record) };
  const name = category.slice(1).join(".");
  if (category[0] === OUTPUT_CATEGORY) {
    return {
      ...common,
      appName: name,
      procId: "",
      msgId: level === "error" ? "stderr" : "stdout",
      structuredData: "",
    };
  }
  return {
    ...common,
    appName: OWN_NAME,
    procId: String(pid),
    msgId: name || "main",
    structuredData: structuredElement(contextOf(record)),
  };
}

/** Its own data, and which container it is from. Only Frontloader says that: who tries to say it, says nothing. */
function foreignData({ structuredData, container }: ForeignMessage): string {
  const own = structuredData.includes(`[${SD_ID}`) ? "" : structuredData;
  return own + structuredElement(container === undefined ? [] : [["container", container]]);
}
