import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import { formatRecord } from "../../src/log/log.ts";

/** Catches what is logged until it is disposed of. */
export class CapturedLog implements Disposable {
  readonly records: LogRecord[] = [];

  constructor() {
    configureSync({
      reset: true,
      sinks: { capture: (record) => void this.records.push(record) },
      loggers: [
        { category: [], lowestLevel: "trace", sinks: ["capture"] },
        { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["capture"] },
      ],
    });
  }

  [Symbol.dispose](): void {
    resetSync();
  }

  /** The lines so far as they would stand in the log, without their time; only those with `part` in them, if it is given. */
  lines(part = ""): string[] {
    return this.records
      .map((record) => formatRecord(record).replace(/^\S+ /, ""))
      .filter((line) => line.includes(part));
  }
}
