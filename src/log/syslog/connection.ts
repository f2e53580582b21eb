/** A way to a receiver of messages, whatever its transport. */
export interface SyslogConnection {
  /** True if there is somebody at its other end, false if that cannot be known. */
  readonly isAnswered: boolean;
  /** Resolves with the reason once the way is broken; it cannot be used any more then. */
  readonly broken: Promise<unknown>;
  /**
   * Sends messages in their order.
   *
   * @returns how many of them the transport has taken; fewer than all if it breaks, or takes nothing for too long
   */
  send(messages: readonly Uint8Array[]): Promise<number>;
  /** Ends it; resolves once the receiver has everything that was sent, as far as that can be known, or takes too long. */
  close(): Promise<void>;
}
