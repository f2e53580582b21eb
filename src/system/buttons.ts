import { getLogger } from "@logtape/logtape";

const logger = getLogger(["frontloader", "buttons"]);

/** Keys that mean "off" (linux/input-event-codes.h). */
const KEY_POWER = 116;
const EV_KEY = 1;
const PRESSED = 1;
/** `struct input_event { struct timeval time; __u16 type; __u16 code; __s32 value; }` on 64-bit machines. */
const EVENT_BYTES = 24;

/** The input devices that have a power button, by their names in `/dev/input`. */
export function powerButtons(directory = "/sys/class/input"): string[] {
  let names: string[];
  try {
    names = Array.from(Deno.readDirSync(directory), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return names.filter((name) => name.startsWith("event")).filter((name) => {
    try {
      const keys = Deno.readTextFileSync(`${directory}/${name}/device/capabilities/key`);
      return hasKey(keys, KEY_POWER);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }).sort();
}

/**
 * True if an input device has a key.
 *
 * @param bitmap the kernel's: 64-bit words in hexadecimal, the highest first
 */
export function hasKey(bitmap: string, key: number): boolean {
  const words = bitmap.trim().split(" ").reverse();
  const word = words[key >> 6];
  return word !== undefined && (BigInt(`0x${word || 0}`) >> BigInt(key & 63) & 1n) === 1n;
}

/** True if there is a press of the power button among these input events. */
export function isPowerPressed(events: Uint8Array): boolean {
  const view = new DataView(events.buffer, events.byteOffset, events.byteLength);
  for (let at = 0; at + EVENT_BYTES <= view.byteLength; at += EVENT_BYTES) {
    if (
      view.getUint16(at + 16, true) === EV_KEY && view.getUint16(at + 18, true) === KEY_POWER &&
      view.getInt32(at + 20, true) === PRESSED
    ) return true;
  }
  return false;
}

/**
 * Calls `onPress` whenever somebody presses the machine's power button; a virtual machine's host presses it to ask for its end.
 * Each button occupies a thread, which waits for it.
 *
 * @returns how many buttons there are
 */
export function watchPowerButtons(onPress: () => void): number {
  const buttons = powerButtons();
  for (const name of buttons) void watch(`/dev/input/${name}`, onPress);
  return buttons.length;
}

async function watch(path: string, onPress: () => void): Promise<void> {
  try {
    using device = await Deno.open(path);
    const events = new Uint8Array(64 * EVENT_BYTES);
    for (;;) {
      const count = await device.read(events);
      if (count === null) break;
      if (isPowerPressed(events.subarray(0, count))) onPress();
    }
  } catch (error) {
    logger.warn("The power button {path} does not work any more: {reason}", {
      path,
      reason: String(error),
    });
  }
}
