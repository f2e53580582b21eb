/** The signals that can ask a container to end, by their names without `SIG`. */
export const FINAL_SIGNALS = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH"] as const;

/** A signal that asks a container to end. */
export type FinalSignal = typeof FINAL_SIGNALS[number];
