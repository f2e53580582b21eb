import { Buffer } from "node:buffer";

/** Magic numbers (RFC 8878, 3.1.1 and 3.1.2), of which the skippable ones end in anything. */
const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** The most bytes of a header that are looked at: a skippable frame's magic number and size. */
const MAX_HEADER = 8;

/**
 * Follows the structure of zstd data, frame by frame and block by block, without decoding anything (RFC 8878,
 * 3.1). node:zlib does not say whether the data ended where a frame does, so an archive that was cut short
 * would go unnoticed.
 */
export class ZstdFrames {
  /** Bytes to pass over before the next header. */
  #skip = 0;
  /** What comes then. */
  #next: "frame" | "block" = "frame";
  #checksum = 0;
  #header = Buffer.alloc(0);

  /**
   * Takes the next bytes.
   *
   * @throws {Error} if something begins that is no frame
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const skipped = Math.min(this.#skip, chunk.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (this.#skip > 0 || at === chunk.length) return;
      at += this.#takeHeader(chunk.subarray(at, at + MAX_HEADER));
    }
  }

  /**
   * Says that there are no more bytes.
   *
   * @throws {Error} in the middle of a frame
   */
  end(): void {
    if (this.#skip > 0 || this.#next === "block" || this.#header.length > 0) {
      throw new Error("unexpected end of the compressed data");
    }
  }

  /** @returns how many of the bytes belong to the header */
  #takeHeader(bytes: Uint8Array): number {
    const held = this.#header.length;
    const header = Buffer.concat([this.#header, bytes]);
    const length = this.#next === "frame" ? this.#onFrame(header) : this.#onBlock(header);
    if (length === undefined) {
      this.#header = header;
      return bytes.length;
    }
    this.#header = Buffer.alloc(0);
    return length - held;
  }

  /** @returns the header's length, or undefined if not all of it is there */
  #onFrame(header: Buffer): number | undefined {
    if (header.length < 5) return undefined;
    const magic = header.readUInt32LE(0);
    if ((magic & 0xfffffff0) === SKIPPABLE) {
      if (header.length < 8) return undefined;
      this.#skip = header.readUInt32LE(4);
      return 8;
    }
    if (magic !== FRAME) throw new Error("garbage behind the compressed data");
    const descriptor = header[4]!;
    const singleSegment = (descriptor & 0x20) !== 0;
    const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
    const dictionaryId = [0, 1, 2, 4][descriptor & 3]!;
    this.#checksum = (descriptor & 4) !== 0 ? 4 : 0;
    this.#next = "block";
    this.#skip = (singleSegment ? 0 : 1) + dictionaryId + contentSize;
    return 5;
  }

  #onBlock(header: Buffer): number | undefined {
    if (header.length < 3) return undefined;
    const block = header.readUIntLE(0, 3);
    const isRepeatedByte = (block >> 1 & 3) === 1;
    this.#skip = isRepeatedByte ? 1 : block >> 3;
    if ((block & 1) !== 0) {
      this.#next = "frame";
      this.#skip += this.#checksum;
    }
    return 3;
  }
}
