import type { Buffer } from "node:buffer";
import type { ByteString } from "../../ffi/byte_string.ts";
import type { FileTime } from "../../ffi/file_metadata.ts";
import { TarError } from "./tar_entry.ts";

/** Everything in an archive comes in blocks of so many bytes. */
export const BLOCK = 512;

/** What a header block says, before extended headers are applied. */
export interface TarHeader {
  readonly name: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: FileTime;
  /** The type flag, one character. */
  readonly type: string;
  readonly linkName: ByteString;
  readonly device: { readonly major: number; readonly minor: number };
}

/** The largest uid and gid; 2^32 - 1 means "leave it as it is" to chown(2). */
const MAX_ID = 2 ** 32 - 2;

/** 12 bits of major and 20 of minor numbers are what the kernel has (linux/kdev_t.h). */
const MAX_MAJOR = 2 ** 12 - 1;
const MAX_MINOR = 2 ** 20 - 1;

/** The last second that fits a 64-bit number of nanoseconds, in the year 2262: other tools cannot say more either. */
const MAX_SECONDS = 9223372036;

const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/**
 * Reads a header block (POSIX.1-2018 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format").
 *
 * @param block holds it
 * @param at where it begins there
 * @returns undefined if it is all zeros, as the end of an archive is
 * @throws {TarError} if its checksum or a number in it is wrong
 */
export function readTarHeader(block: Buffer, at: number): TarHeader | undefined {
  if (!verifyChecksum(block, at)) return undefined;
  // "ustar\0" is POSIX's, "ustar " GNU's, which puts other things where POSIX has the prefix; anything else
  // is older than both.
  const posix = startsWith(block, at + 257, "ustar\0");
  const devices = posix || startsWith(block, at + 257, "ustar ");
  const name = text(block, at, 100);
  const prefix = posix ? text(block, at + 345, prefixLength(block, at)) : "";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: number(block, at + 100, 8, "mode") & 0o7777,
    uid: checkId(number(block, at + 108, 8, "uid"), "uid"),
    gid: checkId(number(block, at + 116, 8, "gid"), "gid"),
    size: number(block, at + 124, 12, "size"),
    mtime: { seconds: clampSeconds(signedNumber(block, at + 136, 12, "mtime")), nanoseconds: 0 },
    type: String.fromCharCode(block[at + 156]!),
    linkName: text(block, at + 157, 100),
    device: devices ? readDevice(block, at) : NO_DEVICE,
  };
}

const NO_DEVICE = { major: 0, minor: 0 };

function readDevice(block: Buffer, at: number): TarHeader["device"] {
  const type = block[at + 156];
  // Only these have numbers; what others leave there is nobody's business.
  if (type !== 0x33 && type !== 0x34) return NO_DEVICE;
  const major = number(block, at + 329, 8, "device number");
  const minor = number(block, at + 337, 8, "device number");
  if (major > MAX_MAJOR || minor > MAX_MINOR) {
    throw new TarError(`impossible device number ${major}:${minor}`);
  }
  return { major, minor };
}

/** star(1) has a shorter prefix, and times behind it. */
function prefixLength(block: Buffer, at: number): number {
  return startsWith(block, at + 508, "tar\0") ? 131 : 155;
}

/**
 * The sum of all bytes, with spaces in place of the sum itself.
 *
 * @returns false for a block of zeros
 */
function verifyChecksum(block: Buffer, at: number): boolean {
  let sum = 0;
  for (let i = at; i < at + BLOCK; i++) sum += block[i]!;
  if (sum === 0) return false;
  let inField = 0;
  for (let i = at + 148; i < at + 156; i++) inField += block[i]!;
  const unsigned = sum - inField + 8 * SPACE;
  const expected = number(block, at + 148, 8, "checksum");
  if (unsigned === expected) return true;
  // Some old programs summed up signed bytes.
  let negative = 0;
  for (let i = at; i < at + BLOCK; i++) if (block[i]! > 127) negative++;
  for (let i = at + 148; i < at + 156; i++) if (block[i]! > 127) negative--;
  if (unsigned - 256 * negative !== expected) throw new TarError("wrong header checksum");
  return true;
}

/**
 * A number that must not be negative.
 *
 * @throws {TarError} also if it is 2^53 or more
 */
export function number(block: Buffer, at: number, length: number, what: string): number {
  const value = signedNumber(block, at, length, what);
  if (value < 0) throw new TarError(`negative ${what}`);
  if (value > Number.MAX_SAFE_INTEGER) throw new TarError(`${what} of 2^53 or more`);
  return value;
}

function signedNumber(block: Buffer, at: number, length: number, what: string): number {
  return block[at]! & 0x80 ? base256(block, at, length) : octal(block, at, length, what);
}

function octal(block: Buffer, at: number, length: number, what: string): number {
  const end = at + length;
  let i = at;
  while (i < end && (block[i] === SPACE || block[i] === 0)) i++;
  let value = 0;
  for (; i < end && block[i]! >= ZERO && block[i]! <= SEVEN; i++) {
    value = value * 8 + block[i]! - ZERO;
  }
  while (i < end && block[i] === SPACE) i++;
  if (i < end && block[i] !== 0) throw new TarError(`${what} is not a number`);
  return value;
}

/** GNU's form for numbers that do not fit: big-endian in two's complement, without its highest bit. */
function base256(block: Buffer, at: number, length: number): number {
  const negative = (block[at]! & 0x40) !== 0;
  let value = negative ? -1 : 0;
  for (let i = at; i < at + length; i++) {
    const byte = i === at ? (negative ? block[i]! | 0x80 : block[i]! & 0x7f) : block[i]!;
    // Inexact from 2^53 on, where it is refused or clamped.
    value = value * 256 + byte;
  }
  return value;
}

/** A time as it is given to files: other programs cannot handle ones before 1970 or after 2262. */
export function clampSeconds(seconds: number): number {
  return Math.min(Math.max(seconds, 0), MAX_SECONDS);
}

/**
 * Checks a uid or gid.
 *
 * @throws {TarError} if no file can have it
 */
export function checkId(id: number, what: string): number {
  if (id > MAX_ID) throw new TarError(`impossible ${what} ${id}`);
  return id;
}

/** A field of text, which ends at a NUL or where the field does. */
function text(block: Buffer, at: number, length: number): ByteString {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return end === at ? "" : block.toString("latin1", at, end);
}

function startsWith(block: Buffer, at: number, magic: string): boolean {
  for (let i = 0; i < magic.length; i++) if (block[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}
