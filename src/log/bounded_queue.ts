/**
 * Items that wait for a reader who may be slow, or gone. It never takes more than it may: what does not fit is dropped and
 * counted, and where it is missing there is a note of how many were.
 */
export class BoundedQueue<T> {
  readonly #maxBytes: number;
  readonly #note: (dropped: number) => T;
  readonly #sizeOf: (item: T) => number;
  #items: T[] = [];
  #bytes = 0;
  #dropped = 0;

  /**
   * @param options `maxBytes`: what it holds at most, a note aside; `sizeOf`: the bytes of an item; `note`: makes an item that
   * says how many were dropped
   */
  constructor(
    { maxBytes, sizeOf, note }: {
      maxBytes: number;
      sizeOf: (item: T) => number;
      note: (dropped: number) => T;
    },
  ) {
    this.#maxBytes = maxBytes;
    this.#sizeOf = sizeOf;
    this.#note = note;
  }

  /** True if nothing waits, not even a note. */
  get isEmpty(): boolean {
    return this.#items.length === 0 && this.#dropped === 0;
  }

  /** Takes an item, or drops it. */
  push(item: T): void {
    const bytes = this.#sizeOf(item);
    // Having dropped something, it goes on until half of it is free: or else every other item would be a note.
    const limit = this.#dropped === 0 ? this.#maxBytes : this.#maxBytes / 2;
    if (this.#bytes + bytes > limit) {
      this.#dropped++;
      return;
    }
    this.#closeGap();
    this.#append(item, bytes);
  }

  /**
   * The items that have waited longest. They stay until they are removed.
   *
   * @param maxBytes of them all together; there is one at least, if there are any
   */
  peek(maxBytes = Infinity): readonly T[] {
    let count = 0;
    for (let bytes = 0; count < this.#items.length; count++) {
      bytes += this.#sizeOf(this.#items[count]!);
      if (count > 0 && bytes > maxBytes) return this.#items.slice(0, count);
    }
    this.#closeGap();
    return this.#items.slice();
  }

  /** Removes the items that have waited longest. */
  remove(count: number): void {
    for (const item of this.#items.splice(0, count)) this.#bytes -= this.#sizeOf(item);
  }

  /** Removes all items. What was dropped before will be noted all the same. */
  clear(): void {
    this.#items = [];
    this.#bytes = 0;
  }

  #closeGap(): void {
    if (this.#dropped === 0) return;
    const note = this.#note(this.#dropped);
    this.#dropped = 0;
    this.#append(note, this.#sizeOf(note));
  }

  #append(item: T, bytes: number): void {
    this.#items.push(item);
    this.#bytes += bytes;
  }
}
