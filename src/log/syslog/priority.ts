/** What a message of syslog is about, and how important it is: facilities and severities (RFC 5424, section 6.2.1). */
import type { LogLevel } from "@logtape/logtape";

/** Severities in the order of their numbers, the most important first. */
export const SEVERITIES = [
  "emerg",
  "alert",
  "crit",
  "err",
  "warning",
  "notice",
  "info",
  "debug",
] as const;

/** The name of a severity, as syslog.conf(5) and the configuration have it. */
export type SeverityName = typeof SEVERITIES[number];

/** The facilities that Frontloader itself makes use of. */
export const Facility = { KERN: 0, USER: 1, DAEMON: 3 } as const;

/** How many facilities there are: 0 to 23. */
const FACILITIES = 24;

/** A PRI: what a message is about, and how important it is. */
export interface Priority {
  /** 0 to 23 */
  readonly facility: number;
  /** 0 to 7, the most important first. */
  readonly severity: number;
}

/** The number of a PRI, as it stands between "<" and ">". */
export function priorityNumber({ facility, severity }: Priority): number {
  return facility * SEVERITIES.length + severity;
}

/**
 * Reads the number of a PRI.
 *
 * @returns undefined if there is no such facility
 */
export function parsePriority(number: number): Priority | undefined {
  const facility = Math.floor(number / SEVERITIES.length);
  return facility < FACILITIES ? { facility, severity: number % SEVERITIES.length } : undefined;
}

/** The number of a severity. */
export function severityNumber(name: SeverityName): number {
  return SEVERITIES.indexOf(name);
}

const SEVERITY_OF_LEVEL: Readonly<Record<LogLevel, SeverityName>> = {
  fatal: "crit",
  error: "err",
  warning: "warning",
  info: "info",
  debug: "debug",
  trace: "debug",
};

/** The severity of a line of Frontloader's own log. */
export function severityOfLevel(level: LogLevel): number {
  return severityNumber(SEVERITY_OF_LEVEL[level]);
}

/** The level that comes nearest to a severity. */
export function levelOfSeverity(severity: number): LogLevel {
  if (severity <= severityNumber("crit")) return "fatal";
  const name = SEVERITIES[severity];
  if (name === "err") return "error";
  if (name === "notice") return "info";
  return name === "warning" || name === "info" ? name : "debug";
}
