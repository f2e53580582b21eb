/** Opens the C library, lazily, so that importing anything under `ffi/` needs no permission. */

/** The C library of the running system; every symbol in `ffi/` comes from it. */
const LIBC = "libc.so.6";

/**
 * Declares symbols of libc and returns a function that opens them on its first call.
 *
 * Lazy, because unit tests import the whole program in a sandbox without `--allow-ffi`; once opened it stays
 * open for the life of the process.
 *
 * @param symbols the declarations, with each C prototype beside it
 * @returns a function that gives the opened symbols
 * @throws {Deno.errors.NotCapable} at the first call, without `--allow-ffi`
 */
export function lazyLibc<S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): () => Deno.StaticForeignLibraryInterface<S> {
  let opened: Deno.StaticForeignLibraryInterface<S> | undefined;
  const open = () => {
    if (opened === undefined) {
      errnoCell ??= mapErrno();
      opened = Deno.dlopen(LIBC, symbols).symbols;
    }
    return opened;
  };
  declared.push(open);
  return open;
}

const declared: (() => unknown)[] = [];

/**
 * Opens the symbols of every module that has been imported so far. Opening takes some milliseconds in all: a process that
 * is about to wait can do it before, instead of after.
 */
export function openDeclaredSymbols(): void {
  for (const open of declared) open();
}

let errnoCell: Int32Array | undefined;

/** Maps errno of this thread. Done before the first call, since opening a library later would overwrite errno. */
function mapErrno(): Int32Array {
  const { __errno_location } = Deno.dlopen(LIBC, {
    /** int *__errno_location(void); */
    __errno_location: { parameters: [], result: "pointer" },
  }).symbols;
  const pointer = __errno_location();
  if (pointer === null) throw new Error("Cannot read errno: __errno_location() gave NULL");
  return new Int32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, 4));
}

/**
 * Reads errno of the calling thread. Only valid as the very next expression after the call that failed: anything
 * that allocates in between (even a fresh view of this cell) may run libc and overwrite it.
 */
export function errno(): number {
  return errnoCell![0]!;
}

const encoder = new TextEncoder();

/** A path, name or attribute as the kernel sees it: bytes. Text is taken as UTF-8. */
export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Makes a NUL-terminated C string.
 *
 * @param text a string (taken as UTF-8) or the bytes themselves
 * @throws {TypeError} if `text` holds a NUL, which would silently cut it short in the kernel
 */
export function cString(text: string | Uint8Array): Bytes {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  if (bytes.includes(0)) {
    throw new TypeError(`Cannot pass ${JSON.stringify(text)} to libc: it holds a NUL`);
  }
  const terminated = new Uint8Array(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}

/** A `char *const argv[]` together with the strings it points to. */
export interface CStringArray {
  /** The NULL-terminated array of pointers: pass this. */
  readonly pointers: BigUint64Array<ArrayBuffer>;
  /** What the pointers point to: keep a reference until the call has returned, or the collector may free it. */
  readonly strings: readonly Bytes[];
}

/**
 * Makes a NULL-terminated array of C strings, as `execve` and `posix_spawn` take it.
 *
 * @param items the strings; each as for {@linkcode cString}
 */
export function cStringArray(items: readonly string[]): CStringArray {
  const strings = items.map(cString);
  const pointers = new BigUint64Array(strings.length + 1);
  strings.forEach((string, index) => pointers[index] = addressOf(string));
  return { pointers, strings };
}

/** Uses buffers after a call that read them through raw pointers, so that they cannot be collected before it. */
export function keepAlive(...arrays: readonly CStringArray[]): void {
  for (const { strings } of arrays) if (strings.length > 0) addressOf(strings[0]!);
}

/** The address of a buffer's first byte, for structures that hold pointers. */
export function addressOf(buffer: Bytes): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
}
