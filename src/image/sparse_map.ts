/**
 * Where the data of sparse files belongs: the four formats that GNU tar has had for it (its manual, "Sparse
 * Formats").
 */
import type { Buffer } from "node:buffer";
import type { ByteString } from "../../ffi/byte_string.ts";
import { wholeNumber } from "./pax_records.ts";
import { type SparseExtent, TarError } from "./tar_entry.ts";
import { BLOCK, number } from "./tar_header.ts";

/** More parts than any file in an image has: it is memory that this bounds. */
const MAX_EXTENTS = 65536;

/** Bytes of a pair of numbers in a header: `char offset[12]; char numbytes[12];` */
const PAIR = 24;

/** What a PAX header says of a sparse file. */
export interface PaxSparse {
  /** Version 1.0 has the map in front of the data. */
  readonly map: readonly SparseExtent[] | "in front of the data";
  readonly path: ByteString | undefined;
  readonly size: number | undefined;
}

/**
 * Reads versions 0.0, 0.1 and 1.0.
 *
 * @param sparse the `GNU.sparse.` records
 * @returns undefined if there is no map, which makes it an ordinary file
 * @throws {TarError}
 */
export function readPaxSparse(sparse: ReadonlyMap<string, ByteString>): PaxSparse | undefined {
  const version = `${sparse.get("major") ?? "0"}.${sparse.get("minor") ?? "0"}`;
  const numbers = sparse.get("map")?.split(",");
  const size = sparse.get("realsize") ?? sparse.get("size");
  const common = {
    path: sparse.get("name"),
    size: size === undefined ? undefined : wholeNumber("GNU.sparse.size", size),
  };
  if (common.path?.includes("\0")) throw new TarError("PAX GNU.sparse.name with a NUL in it");
  switch (version) {
    case "1.0":
      return { ...common, map: "in front of the data" };
    case "0.0":
    case "0.1":
      return numbers && {
        ...common,
        map: pairUp(numbers.map((text) => wholeNumber("GNU.sparse.map", text))),
      };
    default:
      throw new TarError(`unknown sparse format ${version}`);
  }
}

/** A number of 16 digits, as long as one below 2^53 can be, and its newline. */
const MAX_LINE = 17;

/** Reads the map of version 1.0 from the data of its file, block by block as they come: lines of one number each. */
export class SparseMapReader {
  readonly #blocks: ByteString[] = [];
  #lines = 0;
  /** How many lines there will be; the first one says so. */
  #expected = 0;

  /** How much of the file's data the map took. */
  get bytes(): number {
    return this.#blocks.length * BLOCK;
  }

  /**
   * Takes the next block.
   *
   * @returns the map once it is complete; the file's contents begin with the following block
   * @throws {TarError}
   */
  push(block: ByteString): SparseExtent[] | undefined {
    if (this.#blocks.length === 0) {
      const count = wholeNumber("sparse map", block.slice(0, block.indexOf("\n")));
      if (count > MAX_EXTENTS) throw tooMany();
      this.#expected = 1 + 2 * count;
    }
    this.#blocks.push(block);
    for (let at = block.indexOf("\n"); at >= 0; at = block.indexOf("\n", at + 1)) this.#lines++;
    if (this.#lines < this.#expected) {
      if (this.bytes > this.#expected * MAX_LINE) throw new TarError("bad sparse map");
      return undefined;
    }
    const numbers = this.#blocks.join("").split("\n").slice(1, this.#expected);
    return pairUp(numbers.map((text) => wholeNumber("sparse map", text)));
  }
}

/** Reads the oldest format, where the header has room for four extents and further blocks for 21 each. */
export class OldSparseMap {
  readonly #numbers: number[] = [];

  /** What the file's size is with its holes. */
  readonly size: number;

  /** @throws {TarError} */
  constructor(header: Buffer, at: number) {
    this.size = number(header, at + 483, 12, "real size");
    this.#read(header, at + 386, 4);
  }

  /** True if the block whose flag is at `at` says that another one follows. */
  static continues(block: Buffer, at: number): boolean {
    return block[at] !== 0;
  }

  /**
   * Takes a further block.
   *
   * @throws {TarError}
   */
  push(block: Buffer, at: number): void {
    this.#read(block, at, 21);
    if (this.#numbers.length > 2 * MAX_EXTENTS) throw tooMany();
  }

  /** All of the map. */
  get extents(): SparseExtent[] {
    return pairUp(this.#numbers);
  }

  #read(block: Buffer, at: number, count: number): void {
    for (let pair = at; pair < at + count * PAIR && block[pair] !== 0; pair += PAIR) {
      this.#numbers.push(number(block, pair, 12, "offset"), number(block, pair + 12, 12, "length"));
    }
  }
}

function pairUp(numbers: readonly number[]): SparseExtent[] {
  if (numbers.length % 2 !== 0) throw new TarError("bad sparse map");
  if (numbers.length > 2 * MAX_EXTENTS) throw tooMany();
  const extents: SparseExtent[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    extents.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  }
  return extents;
}

function tooMany(): TarError {
  return new TarError(`sparse file of more than ${MAX_EXTENTS} parts`);
}

/**
 * Checks that a map describes its file.
 *
 * @param size of the file with its holes
 * @param stored how many bytes of it the archive has
 * @throws {TarError}
 */
export function checkExtents(extents: readonly SparseExtent[], size: number, stored: number): void {
  let end = 0;
  let total = 0;
  for (const { offset, length } of extents) {
    if (offset < end || offset + length > size) throw new TarError("bad sparse map");
    end = offset + length;
    total += length;
  }
  if (total !== stored) throw new TarError("sparse map that does not fit its data");
}
