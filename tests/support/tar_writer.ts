/** Writes archives for tests: good ones, and such as no tool would write. All strings are byte strings. */
import { bytesOf } from "../../ffi/byte_string.ts";

/** One header with what belongs to it. What is left out is as for an ordinary file that is owned by root. */
export interface TarItem {
  readonly path: string;
  /** The type flag; default "0", a file. */
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** The size that the header says; default is that of `data`. */
  readonly size?: number;
  readonly mtime?: number;
  /** Target of a link. */
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly data?: string | Uint8Array;
  /** Which magic the header has; default "ustar". */
  readonly format?: "ustar" | "gnu" | "v7";
  /** ustar's prefix field. */
  readonly prefix?: string;
  /** Records of an extended header in front. */
  readonly pax?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  /** GNU long names in front. */
  readonly longName?: string;
  readonly longTarget?: string;
  /** Bytes put into the header as they are, by their offset; the checksum is right all the same. */
  readonly raw?: Readonly<Record<number, string | Uint8Array>>;
  /** True to write a wrong checksum. */
  readonly badChecksum?: boolean;
}

const BLOCK = 512;

/** An archive with two blocks of zeros at its end. */
export function tar(...items: (TarItem | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  return concat(...items.map(tarItem), new Uint8Array(2 * BLOCK));
}

/** What comes in an archive for one item; bytes are passed through. */
export function tarItem(item: TarItem | Uint8Array): Uint8Array<ArrayBuffer> {
  if (item instanceof Uint8Array) return concat(item);
  const data = toBytes(item.data ?? "");
  return concat(
    ...item.pax === undefined ? [] : [tarItem({
      path: "PaxHeaders/x",
      type: "x",
      data: paxRecords(Array.isArray(item.pax) ? item.pax : Object.entries(item.pax)),
    })],
    ...item.longName === undefined ? [] : [longName("L", item.longName)],
    ...item.longTarget === undefined ? [] : [longName("K", item.longTarget)],
    header(item, data.length),
    padded(data),
  );
}

/** The data of an extended header. */
export function paxRecords(records: Iterable<readonly [string, string]>): string {
  let text = "";
  for (const [key, value] of records) {
    const rest = ` ${key}=${value}\n`;
    // The length counts its own digits.
    let length = rest.length;
    while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
    text += `${length}${rest}`;
  }
  return text;
}

/** A number in base 256, as GNU tar writes what does not fit in octal. */
export function base256(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  bytes[0]! |= 0x80;
  return bytes;
}

/** Pads with zeros to whole blocks. */
export function padded(data: Uint8Array | string): Uint8Array<ArrayBuffer> {
  const bytes = toBytes(data);
  return concat(bytes, new Uint8Array((BLOCK - bytes.length % BLOCK) % BLOCK));
}

/** Puts bytes one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function longName(type: string, name: string): Uint8Array {
  return tarItem({ path: "././@LongLink", type, format: "gnu", data: `${name}\0` });
}

function header(item: TarItem, dataLength: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (offset: number, value: string | Uint8Array) => block.set(toBytes(value), offset);
  const putOctal = (offset: number, length: number, value: number) =>
    put(offset, value.toString(8).padStart(length - 1, "0"));
  put(0, item.path.slice(0, 100));
  putOctal(100, 8, item.mode ?? (item.type === "5" ? 0o755 : 0o644));
  putOctal(108, 8, item.uid ?? 0);
  putOctal(116, 8, item.gid ?? 0);
  putOctal(124, 12, item.size ?? dataLength);
  putOctal(136, 12, item.mtime ?? 1_000_000_000);
  put(156, item.type ?? "0");
  put(157, (item.target ?? "").slice(0, 100));
  put(257, { ustar: "ustar\x0000", gnu: "ustar  \0", v7: "" }[item.format ?? "ustar"]);
  if (item.major !== undefined) putOctal(329, 8, item.major);
  if (item.minor !== undefined) putOctal(337, 8, item.minor);
  put(345, item.prefix ?? "");
  for (const [offset, bytes] of Object.entries(item.raw ?? {})) put(Number(offset), bytes);
  put(148, "        ");
  const sum = block.reduce((sum, byte) => sum + byte, 0) + (item.badChecksum ? 1 : 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? bytesOf(data) : data;
}
