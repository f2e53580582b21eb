const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes for a person, in the largest unit of which there is at least one: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${Number(amount.toFixed(unit === 0 || amount >= 100 ? 0 : 1))} ${UNITS[unit]}`;
}
