import type { PullProgress } from "../image/pull_image.ts";

/** Shows how a pull goes on. */
export interface ProgressDisplay {
  /** Takes what a pull reports. */
  readonly update: (progress: PullProgress) => void;
  /** Ends the display; the line it was on is free again. */
  readonly end: () => void;
}

/** Where a display writes, and what it knows of the time. */
export interface DisplayTerminal {
  /** True for a bar that is drawn over and over, false for a plain line at every milestone. */
  readonly isTerminal: boolean;
  /** Width in characters. */
  readonly columns: number;
  write(text: string): void;
  /** Milliseconds since any fixed moment. */
  now(): number;
}

/** Standard error: standard output is for the result. */
export function standardError(): DisplayTerminal {
  const isTerminal = Deno.stderr.isTerminal();
  return {
    isTerminal,
    columns: isTerminal ? Deno.consoleSize().columns : 80,
    write: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
    now: () => performance.now(),
  };
}

/** Erases the line from the cursor to its end (ECMA-48, EL). */
const ERASE_TO_END = "\x1b[K";
/** A bar is drawn anew at most so often. */
const REDRAW_MS = 50;

/**
 * Makes a display for one pull.
 *
 * @param image what is pulled, as a person would call it
 */
export function pullProgress(image: string, terminal: DisplayTerminal): ProgressDisplay {
  const layers = new Map<number, PullProgress>();
  const start = terminal.now();
  let drawnAt = -Infinity;

  const draw = () => {
    drawnAt = terminal.now();
    terminal.write(
      `\r${barLine([...layers.values()], drawnAt - start, terminal.columns - 1)}${ERASE_TO_END}`,
    );
  };
  return {
    update(progress) {
      const before = layers.get(progress.layer);
      layers.set(progress.layer, progress);
      if (terminal.isTerminal) {
        if (terminal.now() - drawnAt >= REDRAW_MS) draw();
      } else if (isDone(progress) && !(before && isDone(before))) {
        const { layer, layers: count, total } = progress;
        const size = progress.phase === "present" ? "there already" : formatBytes(total);
        terminal.write(`${image}: layer ${layer + 1} of ${count}: ${size}\n`);
      }
    },
    end() {
      if (!terminal.isTerminal || layers.size === 0) return;
      draw();
      terminal.write("\n");
    },
  };
}

function isDone({ phase }: PullProgress): boolean {
  return phase === "done" || phase === "present";
}

/** Something like `[=====>    ]  62 MB of 129 MB, 140 MB/s, 1 of 3 layers`. */
function barLine(layers: readonly PullProgress[], elapsedMs: number, columns: number): string {
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0);
  const total = layers.reduce((sum, layer) => sum + layer.total, 0);
  const done = layers.filter(isDone).length;
  const count = layers[0]?.layers ?? 0;
  const rate = elapsedMs > 0 ? bytes / elapsedMs * 1000 : 0;
  const text = ` ${formatBytes(bytes)} of ${formatBytes(total)}, ${
    formatBytes(rate)
  }/s, ${done} of ${count} layers`;
  const width = Math.min(40, columns - text.length - 2);
  if (width < 5) return text.trim().slice(0, columns);
  const filled = total === 0 ? 0 : Math.floor(width * Math.min(1, bytes / total));
  return `[${"=".repeat(filled)}${" ".repeat(width - filled)}]${text}`;
}

/** Three significant digits in the unit that fits, powers of ten as registries count: `12.3 MB`. */
function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
