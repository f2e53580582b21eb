import { Buffer } from "node:buffer";
import type { ByteString } from "../../ffi/byte_string.ts";
import { parsePaxRecords, type PaxRecords } from "./pax_records.ts";
import { checkExtents, OldSparseMap, readPaxSparse, SparseMapReader } from "./sparse_map.ts";
import { type SparseExtent, type TarEntry, type TarEntryType, TarError } from "./tar_entry.ts";
import { BLOCK, readTarHeader, type TarHeader } from "./tar_header.ts";

/** Takes what is in an archive, in its order. */
export interface TarSink {
  /** An entry begins. */
  entry(entry: TarEntry): void;
  /** The next bytes of its contents, as they lie in the archive. They are valid until the call returns. */
  data(bytes: Uint8Array): void;
  /** The entry is complete. */
  entryEnd(): void;
}

/** Extended headers and long names are held in memory; other readers have this limit too. */
const MAX_EXTENDED = 1 << 20;

/** What the blocks or bytes that come next are. */
type State =
  /** a header, or the end of the archive */
  | "header"
  /** an extended header or a long name */
  | "extended"
  /** a continuation of an old sparse map */
  | "old sparse map"
  /** the sparse map in front of a file's data */
  | "sparse map"
  | "contents"
  /** an extended header that means nothing to us */
  | "ignored"
  /** whatever comes behind the end of the archive */
  | "rest";

const TYPES: Readonly<Record<string, TarEntryType>> = {
  "0": "file",
  "\0": "file",
  // Contiguous files: a notion of systems that are gone; a file like any other.
  "7": "file",
  S: "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

/**
 * Reads an archive as it comes in chunks: ustar, PAX, GNU and what is older. It follows GNU tar where it has
 * extensions, and Go's archive/tar, with which images are made and unpacked, where readers differ. Contents
 * are handed on as parts of the chunks that came in; nothing is copied but extended headers and what a
 * chunk's end cuts in two.
 */
export class TarReader {
  readonly #sink: TarSink;
  #state: State = "header";
  /** Bytes of the current state that are still to come. */
  #left = 0;
  /** Bytes of padding behind them. */
  #padding = 0;
  /** A block of which a part has come. */
  readonly #block = Buffer.alloc(BLOCK);
  #held = 0;
  /** What an extended header collects. */
  #extended = Buffer.alloc(0);
  #extendedType = "";
  #pax: PaxRecords | undefined;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;
  #header: TarHeader | undefined;
  #oldSparse: OldSparseMap | undefined;
  #sparseMap: SparseMapReader | undefined;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /**
   * Takes the next bytes of the archive.
   *
   * @throws {TarError} if it breaks the format; what the sink throws passes through
   */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length) {
      switch (this.#state) {
        case "header":
        case "old sparse map":
        case "sparse map":
          at = this.#takeBlock(bytes, at);
          break;
        case "contents":
        case "extended":
        case "ignored":
          at = this.#left > 0 ? this.#takeBytes(bytes, at) : this.#skipPadding(bytes, at);
          break;
        case "rest":
          return;
      }
    }
  }

  /**
   * Says that there are no more bytes.
   *
   * @throws {TarError} if the archive is cut short. Its end may be missing: the blocks of zeros, and the
   * padding of the last file, which umoci leaves out
   */
  end(): void {
    if (this.#state === "contents" && this.#left === 0) this.#onEnd();
    const complete = this.#state === "rest" || (this.#state === "header" && this.#held === 0 &&
      this.#pax === undefined && this.#longName === undefined && this.#longLink === undefined);
    if (!complete) throw new TarError("unexpected end of the archive");
  }

  #takeBlock(bytes: Buffer, at: number): number {
    if (this.#held === 0 && bytes.length - at >= BLOCK) {
      this.#onBlock(bytes, at);
      return at + BLOCK;
    }
    const count = Math.min(BLOCK - this.#held, bytes.length - at);
    bytes.copy(this.#block, this.#held, at, at + count);
    this.#held += count;
    if (this.#held === BLOCK) {
      this.#held = 0;
      this.#onBlock(this.#block, 0);
    }
    return at + count;
  }

  #takeBytes(bytes: Buffer, at: number): number {
    const count = Math.min(this.#left, bytes.length - at);
    if (this.#state === "contents") this.#sink.data(bytes.subarray(at, at + count));
    else if (this.#state === "extended") {
      bytes.copy(this.#extended, this.#extended.length - this.#left, at, at + count);
    }
    this.#left -= count;
    if (this.#left === 0 && this.#padding === 0) this.#onEnd();
    return at + count;
  }

  #skipPadding(bytes: Buffer, at: number): number {
    const count = Math.min(this.#padding, bytes.length - at);
    this.#padding -= count;
    if (this.#padding === 0) this.#onEnd();
    return at + count;
  }

  /** What the state stands for has come, with its padding. */
  #onEnd(): void {
    const ended = this.#state;
    this.#state = "header";
    if (ended === "contents") this.#sink.entryEnd();
    else if (ended === "extended") this.#onExtended();
  }

  #expect(state: State, size: number): void {
    this.#state = state;
    this.#left = size;
    this.#padding = (BLOCK - size % BLOCK) % BLOCK;
  }

  #onBlock(block: Buffer, at: number): void {
    switch (this.#state) {
      case "header":
        return this.#onHeader(block, at);
      case "old sparse map":
        this.#oldSparse!.push(block, at);
        if (!OldSparseMap.continues(block, at + 504)) this.#onOldSparse();
        return;
      default:
        return this.#onSparseBlock(block.toString("latin1", at, at + BLOCK));
    }
  }

  #onHeader(block: Buffer, at: number): void {
    const header = readTarHeader(block, at);
    if (header === undefined) {
      // One block of zeros should be followed by another one, but some programs write a single one.
      this.#state = "rest";
      return;
    }
    switch (header.type) {
      case "x":
      case "g":
      case "L":
      case "K":
        return this.#onExtendedHeader(header);
      default:
        this.#header = header;
        if (header.type === "S") this.#onOldSparseHeader(block, at);
        else this.#onEntry(header);
    }
  }

  #onExtendedHeader({ type, size }: TarHeader): void {
    if (size > MAX_EXTENDED) throw new TarError(`extended header of ${size} bytes`);
    if (type === "g") {
      // git archive puts its commit there; what would matter for files is not used in images.
      this.#expect("ignored", size);
    } else {
      this.#extended = Buffer.alloc(size);
      this.#extendedType = type;
      this.#expect("extended", size);
    }
    if (size === 0) this.#onEnd();
  }

  #onExtended(): void {
    const data = this.#extended;
    this.#extended = Buffer.alloc(0);
    if (this.#extendedType === "x") {
      this.#pax = parsePaxRecords(data);
      return;
    }
    const nul = data.indexOf(0);
    const name = data.toString("latin1", 0, nul < 0 ? data.length : nul);
    if (this.#extendedType === "L") this.#longName = name;
    else this.#longLink = name;
  }

  #onOldSparseHeader(block: Buffer, at: number): void {
    this.#oldSparse = new OldSparseMap(block, at);
    if (OldSparseMap.continues(block, at + 482)) this.#state = "old sparse map";
    else this.#onOldSparse();
  }

  #onOldSparse(): void {
    const { extents, size } = this.#oldSparse!;
    this.#oldSparse = undefined;
    this.#emit({ extents, size, stored: this.#storedSize() });
  }

  #onEntry(header: TarHeader): void {
    const sparse = this.#pax?.sparse && readPaxSparse(this.#pax.sparse);
    const stored = this.#storedSize();
    if (sparse === undefined || (header.type !== "0" && header.type !== "\0")) {
      return this.#emit({ size: stored, stored });
    }
    if (sparse.path !== undefined) this.#pax!.path = sparse.path;
    if (sparse.map !== "in front of the data") {
      return this.#emit({ extents: sparse.map, size: sparse.size ?? stored, stored });
    }
    this.#sparseMap = new SparseMapReader();
    this.#state = "sparse map";
  }

  #onSparseBlock(block: ByteString): void {
    const reader = this.#sparseMap!;
    const extents = reader.push(block);
    const stored = this.#storedSize() - reader.bytes;
    if (stored < 0) throw new TarError("sparse map that does not fit its data");
    if (extents === undefined) return;
    const { size } = readPaxSparse(this.#pax!.sparse!)!;
    this.#sparseMap = undefined;
    this.#emit({ extents, size: size ?? stored, stored });
  }

  /** The size that counts: of the header in front of the data, unless PAX has one (CVE-2025-62518). */
  #storedSize(): number {
    return this.#pax?.size ?? this.#header!.size;
  }

  #emit(
    { extents, size, stored }: {
      extents?: readonly SparseExtent[];
      size: number;
      stored: number;
    },
  ): void {
    const header = this.#header!;
    const pax = this.#pax;
    const path = this.#longName ?? pax?.path ?? header.name;
    const type = entryType(header.type, path);
    if (extents !== undefined) checkExtents(extents, size, stored);
    // Only files have contents: what the size of others says is not followed by data (Go: "isHeaderOnlyType").
    const isFile = type === "file";
    const entry: TarEntry = {
      type,
      path,
      target: isFile ? "" : this.#longLink ?? pax?.linkPath ?? header.linkName,
      mode: header.mode,
      uid: pax?.uid ?? header.uid,
      gid: pax?.gid ?? header.gid,
      size: isFile ? size : 0,
      mtime: pax?.mtime ?? header.mtime,
      device: header.device,
      attributes: pax?.attributes,
      extents,
    };
    this.#pax = this.#longName = this.#longLink = undefined;
    this.#sink.entry(entry);
    this.#expect("contents", isFile ? stored : 0);
    if (this.#left === 0) this.#onEnd();
  }
}

/** @throws {TarError} if it is none that an image can have */
function entryType(flag: string, path: ByteString): TarEntryType {
  // Archives from before there was a flag for directories.
  if (flag === "\0" && path.endsWith("/")) return "directory";
  const type = TYPES[flag];
  if (type === undefined) throw new TarError(`entry of unknown type ${JSON.stringify(flag)}`);
  return type;
}
