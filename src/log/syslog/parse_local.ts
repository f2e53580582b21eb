import type { ForeignMessage } from "../foreign_message.ts";
import { Facility, parsePriority, type Priority, severityNumber } from "./priority.ts";

/** What a message is that does not say it: user.notice (RFC 3164, section 4.3.3). */
const DEFAULT_PRIORITY: Priority = { facility: Facility.USER, severity: severityNumber("notice") };

/** PRI VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP STRUCTURED-DATA [SP MSG] (RFC 5424, section 6) */
const RFC_5424 =
  /^1 \S{1,64} \S{1,255} (\S{1,48}) (\S{1,128}) (\S{1,32}) (-|(?:\[[!#-<>-\\^-~]{1,32}(?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]]|\\(?!["\\\]]))*")*\])+)(?: \ufeff?([\s\S]*))?$/;

/** What syslog(3) writes: `Oct 11 22:14:15`; some write the time as RFC 3339 has it. */
const LOCAL_TIME =
  /^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,16}) /;

/** `tag[pid]: text` or `tag: text` */
const LOCAL_TAG = /^([^\s:[\]]{1,64})(?:\[([^\s\]]{1,128})\])?: ?([\s\S]*)$/;

/**
 * Reads a message as programs of this machine write it to `/dev/log`: `<PRI>Mmm dd hh:mm:ss tag[pid]: text`, or RFC 5424. Of what
 * is in neither form everything is text. When it is from is left out: that is now, and the clock of who wrote it may be set to
 * another time zone.
 *
 * The kernel's facility is for the kernel: who claims it here gets the users' one, as every syslogd has it.
 *
 * @param text what was received
 */
export function parseLocalMessage(text: string): ForeignMessage {
  const [, number = "", rest = text] = /^<(\d{1,3})>([\s\S]*)$/.exec(text) ?? [];
  const claimed = number === "" ? undefined : parsePriority(Number(number));
  const { facility, severity } = claimed ?? DEFAULT_PRIORITY;
  const priority = { facility: facility === Facility.KERN ? Facility.USER : facility, severity };
  // Without a PRI that makes sense it is no message in any form.
  const body = claimed === undefined ? text : rest;
  const modern = claimed === undefined ? null : RFC_5424.exec(body);
  if (modern !== null) {
    const [, appName, procId, msgId, structuredData, message = ""] = modern;
    return {
      ...priority,
      appName: valueOf(appName),
      procId: valueOf(procId),
      msgId: valueOf(msgId),
      structuredData: valueOf(structuredData),
      text: withoutEnd(message),
    };
  }
  const untimed = body.replace(LOCAL_TIME, "");
  const [, appName = "", procId = "", message = untimed] = LOCAL_TAG.exec(untimed) ?? [];
  const none = { msgId: "", structuredData: "" };
  return { ...priority, ...none, appName, procId, text: withoutEnd(message) };
}

function valueOf(field = ""): string {
  return field === "-" ? "" : field;
}

/** Some end a message with a line end or a NUL, which mean nothing. */
function withoutEnd(text: string): string {
  return text.replace(/[\n\r\0]+$/, "");
}
