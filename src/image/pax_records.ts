import type { Buffer } from "node:buffer";
import type { ByteString } from "../../ffi/byte_string.ts";
import type { FileTime } from "../../ffi/file_metadata.ts";
import { TarError } from "./tar_entry.ts";
import { checkId, clampSeconds } from "./tar_header.ts";

/** What a PAX extended header says of the next entry; what is absent it leaves to the entry's own header. */
export interface PaxRecords {
  path?: ByteString;
  linkPath?: ByteString;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: FileTime;
  attributes?: Map<ByteString, ByteString>;
  /** The `GNU.sparse.` records, without that prefix. */
  sparse?: Map<string, ByteString>;
}

const ATTRIBUTE = "SCHILY.xattr.";
const SPARSE = "GNU.sparse.";

const NEWLINE = 0x0a;

/**
 * Reads the records of an extended header: `LENGTH KEY=VALUE\n`, where LENGTH counts all of it (POSIX.1-2018 pax,
 * "pax Extended Header"). An empty value takes back an earlier record of the same header.
 *
 * @param data all of the header's data
 * @throws {TarError} if a record breaks the format, has a NUL where a name is to be, or an impossible number
 */
export function parsePaxRecords(data: Buffer): PaxRecords {
  const records: PaxRecords = {};
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(" ", at);
    // No header is so long that the length of a record takes more digits.
    const digits = space < 0 || space > at + 8 ? "" : data.toString("latin1", at, space);
    const end = at + decimal(digits);
    const equals = data.indexOf("=", space);
    const wellFormed = end <= data.length && equals > space + 1 && equals < end &&
      data[end - 1] === NEWLINE;
    if (!wellFormed) throw new TarError("malformed PAX record");
    // Each is a string of its own: as parts of one string, a short path would keep all of a long header in memory.
    apply(
      records,
      data.toString("latin1", space + 1, equals),
      data.toString("latin1", equals + 1, end - 1),
    );
    at = end;
  }
  return records;
}

function apply(records: PaxRecords, key: ByteString, value: ByteString): void {
  switch (key) {
    case "path":
      records.path = name(key, value);
      return;
    case "linkpath":
      records.linkPath = name(key, value);
      return;
    case "size":
      records.size = ifAny(value, (value) => wholeNumber(key, value));
      return;
    case "uid":
      records.uid = ifAny(value, (value) => checkId(wholeNumber(key, value), key));
      return;
    case "gid":
      records.gid = ifAny(value, (value) => checkId(wholeNumber(key, value), key));
      return;
    case "mtime":
      records.mtime = ifAny(value, time);
      return;
  }
  if (key.includes("\0")) throw new TarError("PAX record with a NUL in its key");
  if (key.startsWith(ATTRIBUTE)) {
    const attribute = key.slice(ATTRIBUTE.length);
    records.attributes ??= new Map();
    if (value === "") records.attributes.delete(attribute);
    else records.attributes.set(attribute, value);
  } else if (key.startsWith(SPARSE)) {
    records.sparse ??= new Map();
    addSparseRecord(records.sparse, key.slice(SPARSE.length), value);
  }
}

/** Version 0.0 repeats two keys for every extent; put together they read as the one of version 0.1. */
function addSparseRecord(sparse: Map<string, ByteString>, key: string, value: ByteString): void {
  if (key !== "offset" && key !== "numbytes") {
    sparse.set(key, value);
    return;
  }
  const map = sparse.get("map");
  sparse.set("map", map === undefined ? value : `${map},${value}`);
}

function ifAny<T>(value: ByteString, read: (value: ByteString) => T): T | undefined {
  return value === "" ? undefined : read(value);
}

function name(key: string, value: ByteString): ByteString | undefined {
  if (value.includes("\0")) throw new TarError(`PAX ${key} with a NUL in it`);
  return value === "" ? undefined : value;
}

/** Only digits; NaN for anything else. */
function decimal(text: ByteString): number {
  return /^[0-9]+$/.test(text) ? Number(text) : NaN;
}

/** @throws {TarError} if it is not a number of digits below 2^53 */
export function wholeNumber(key: string, value: ByteString): number {
  const number = decimal(value);
  if (!Number.isSafeInteger(number)) throw new TarError(`PAX ${key} is not a possible number`);
  return number;
}

function time(value: ByteString): FileTime {
  const [, sign, whole, fraction] = /^(-?)([0-9]+)(?:\.([0-9]*))?$/.exec(value) ?? [];
  if (whole === undefined) throw new TarError("PAX mtime is not a time");
  const seconds = sign === "-" ? 0 : clampSeconds(Number(whole));
  const exact = sign !== "-" && seconds === Number(whole);
  return {
    seconds,
    nanoseconds: exact ? Number((fraction ?? "").padEnd(9, "0").slice(0, 9)) : 0,
  };
}
