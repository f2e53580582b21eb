/** Messages of the syslog protocol, RFC 5424. */
import { escapeControls } from "../escape_controls.ts";
import { type Priority, priorityNumber } from "./priority.ts";

/** A message. What is not known of it is empty; what a field cannot hold is replaced or cut off. */
export interface SyslogMessage extends Priority {
  /** When it is from, in milliseconds since the epoch. */
  readonly timestamp: number;
  /** The machine. */
  readonly hostname: string;
  readonly appName: string;
  readonly procId: string;
  readonly msgId: string;
  /** Elements in the form of the protocol, "" for none. */
  readonly structuredData: string;
  readonly text: string;
}

/** Longest names in the header (RFC 5424, section 6). */
const MAX_HOSTNAME = 255;
const MAX_APP_NAME = 48;
const MAX_PROC_ID = 128;
const MAX_MSG_ID = 32;
const MAX_PARAM_NAME = 32;

const NIL = "-";
const BOM = "\ufeff";

const encoder = new TextEncoder();

/**
 * Writes a message.
 *
 * @param maxBytes a longer one is cut off at the end, between two characters. Structured data that does not fit goes as a whole,
 * since a part of it is nothing that a receiver could read
 */
export function formatMessage(message: SyslogMessage, maxBytes: number): Uint8Array {
  const { hostname, appName, procId, msgId, timestamp, structuredData } = message;
  const header = [
    `<${priorityNumber(message)}>1`,
    new Date(timestamp).toISOString(),
    headerField(hostname, MAX_HOSTNAME),
    headerField(appName, MAX_APP_NAME),
    headerField(procId, MAX_PROC_ID),
    headerField(msgId, MAX_MSG_ID),
  ].join(" ");
  const text = escapeControls(message.text);
  // Section 6.4: what is UTF-8 begins with a BOM. ASCII may do without, and most receivers show a BOM as a part of the text.
  const body = `${/^[\0-\x7f]*$/.test(text) ? "" : BOM}${text}`;
  const write = (data: string) => encoder.encode(`${header} ${data || NIL} ${body}`);
  const fits = encoder.encode(`${header} ${structuredData} `).length <= maxBytes;
  return truncate(write(fits ? structuredData : ""), maxBytes);
}

/** PRINTUSASCII of at most so many characters, "-" for none. */
function headerField(value: string, maxLength: number): string {
  return value.replace(/[^!-~]/gu, "?").slice(0, maxLength) || NIL;
}

/** Cuts UTF-8 off between two characters. */
function truncate(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length <= maxBytes) return bytes;
  let end = maxBytes;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** The longest value of a parameter, in UTF-16 code units: a stack trace among the context belongs in no header. */
const MAX_PARAM_VALUE = 512;

/**
 * The name of the one element that Frontloader writes. Names of one's own have to end in a private enterprise number (section
 * 6.3.2). The project has none, and 32473 is the one that cannot be anybody else's: RFC 5612 reserves it for examples.
 */
export const SD_ID = "frontloader@32473";

/**
 * Writes an element of structured data.
 *
 * @param params names and values; "" comes of none
 */
export function structuredElement(params: readonly (readonly [string, unknown])[]): string {
  if (params.length === 0) return "";
  return `[${SD_ID}${params.map(([name, value]) => ` ${paramOf(name, value)}`).join("")}]`;
}

function paramOf(name: string, value: unknown): string {
  // SD-NAME: PRINTUSASCII without what ends it.
  const shownName = name.replace(/[^!-~]|[="\]]/gu, "_").slice(0, MAX_PARAM_NAME) || "_";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const short = escapeControls(text.slice(0, MAX_PARAM_VALUE).toWellFormed());
  // Section 6.3.3: these three, and no other character, are escaped.
  return `${shownName}="${short.replace(/["\\\]]/g, "\\$&")}"`;
}
