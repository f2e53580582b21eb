import { isDeepStrictEqual } from "node:util";
import type { LogRecord } from "@logtape/logtape";
import type { SyslogSettings } from "../../config/settings.ts";
import { BoundedQueue } from "../bounded_queue.ts";
import { Facility, severityNumber } from "./priority.ts";
import { messageOf, OWN_NAME, type Sender } from "./record_message.ts";
import type { SyslogMessage } from "./rfc5424.ts";
import { SyslogTarget, type TargetServices } from "./target.ts";

/** What is kept until the first configuration says who wants it. */
const MAX_EARLY_BYTES = 1 << 18;
/** What a message takes beside its text, about. */
const MESSAGE_OVERHEAD = 256;

/** What the forwarder needs of the rest of the system. */
export interface ForwarderServices {
  /** Who this is, at the moment: a host name may change. */
  sender(): Sender;
  /** Opens a way to a receiver. */
  readonly open: TargetServices["open"];
}

/** Sends the log to every receiver that the configuration names. */
export class SyslogForwarder {
  readonly #services: ForwarderServices;
  /** What was logged before the first configuration; undefined from then on. */
  #early: BoundedQueue<SyslogMessage> | undefined;
  #targets: readonly SyslogTarget[] = [];
  readonly #closing = new Set<Promise<void>>();

  constructor(services: ForwarderServices) {
    this.#services = services;
    this.#early = new BoundedQueue({
      maxBytes: MAX_EARLY_BYTES,
      sizeOf: ({ text, structuredData }) => text.length + structuredData.length + MESSAGE_OVERHEAD,
      note: (dropped) => this.#noteDropped(dropped, "no configuration has said who wants them"),
    });
  }

  /** Takes a record of the log. */
  take(record: LogRecord): void {
    if (this.#early === undefined && this.#targets.length === 0) return;
    const message = messageOf(record, this.#services.sender());
    this.#early?.push(message);
    for (const target of this.#targets) target.take(message);
  }

  /**
   * Says who gets the log from now on. A target that was there stays as it is; one that is not any more gets what is for it yet.
   */
  configure(wanted: readonly SyslogSettings[]): void {
    const before = [...this.#targets];
    this.#targets = wanted.map((settings) => {
      const index = before.findIndex((target) => isDeepStrictEqual(target.settings, settings));
      return index === -1 ? this.#newTarget(settings) : before.splice(index, 1)[0]!;
    });
    for (const target of before) this.#close(target);
    for (const message of this.#early?.peek() ?? []) {
      for (const target of this.#targets) target.take(message);
    }
    this.#early = undefined;
  }

  /** Sends what is left to all targets, within bounds. */
  async close(): Promise<void> {
    for (const target of this.#targets) this.#close(target);
    this.#targets = [];
    await Promise.all(this.#closing);
  }

  #newTarget(settings: SyslogSettings): SyslogTarget {
    return new SyslogTarget(settings, {
      open: this.#services.open,
      noteDropped: (dropped) => this.#noteDropped(dropped, "they were not taken in time"),
    });
  }

  #close(target: SyslogTarget): void {
    const closing = target.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #noteDropped(dropped: number, why: string): SyslogMessage {
    const { hostname, pid } = this.#services.sender();
    return {
      facility: Facility.DAEMON,
      severity: severityNumber("warning"),
      timestamp: Date.now(),
      hostname,
      appName: OWN_NAME,
      procId: String(pid),
      msgId: "syslog",
      structuredData: "",
      text: `${dropped} messages dropped: ${why}`,
    };
  }
}
