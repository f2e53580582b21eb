/** What others log through Frontloader: the kernel, and whoever writes to `/dev/log`. */
import { getLogger, type LogRecord } from "@logtape/logtape";
import { levelOfSeverity, type Priority } from "./syslog/priority.ts";

/** Category of such records. */
export const FOREIGN_CATEGORY = "foreign";

/** A message of somebody else's. Nothing in it is to be trusted but its facility. */
export interface ForeignMessage extends Priority {
  /** The program that it is from; empty if it does not say. */
  readonly appName: string;
  /** The process that it is from, by its own word; empty if it does not say. */
  readonly procId: string;
  /** What kind of message it is; empty if it does not say. */
  readonly msgId: string;
  /** In the form of RFC 5424, "" for none. */
  readonly structuredData: string;
  readonly text: string;
  /** The container that it is from; absent where that is not known. */
  readonly container?: string;
}

/**
 * Puts a message into the log.
 *
 * @param timestamp when it is from, in milliseconds since the epoch
 */
export function logForeignMessage(message: ForeignMessage, timestamp = Date.now()): void {
  getLogger(FOREIGN_CATEGORY).emit({
    level: levelOfSeverity(message.severity),
    message: ["", message.text, ""],
    rawMessage: "{text}",
    properties: { ...message },
    timestamp,
  });
}

/** The message that {@linkcode logForeignMessage} has made a record of; undefined for any other record. */
export function foreignMessageOf({ category, properties }: LogRecord): ForeignMessage | undefined {
  return category[0] === FOREIGN_CATEGORY
    ? properties as Record<string, unknown> & ForeignMessage
    : undefined;
}
