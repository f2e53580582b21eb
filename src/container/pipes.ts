/** Pipes of child processes, read and written without blocking and without a thread for each. */
import { Socket } from "node:net";
import { unreadBytes } from "../../ffi/descriptors.ts";
import { restAfter, TURN_MS } from "../streams/turns.ts";

/**
 * Opens a pipe's end for asynchronous use; it is closed with the socket. (A `Deno.FsFile` would do too, but each of its
 * pending reads occupies a thread of the blocking pool: with two pipes a container that is two threads a container.)
 */
function openPipe(fd: number, direction: "read" | "write"): Socket {
  return new Socket({ fd, readable: direction === "read", writable: direction === "write" });
}

/** How often to look whether a pipe that is to be read to its end for now has come to it. */
const LOOK_MS = 100;

/** So many bytes are handled in one go: at 6 µs a line, the 64 KiB of a pipe may take half a second. */
const SLICE_BYTES = 4096;

/**
 * Reads a pipe until all writers have closed it.
 *
 * Whoever writes more than can be handled has to wait, like everybody who writes to a full pipe.
 *
 * @param fd the read end; closed afterwards
 * @param onChunk called with the bytes as they come
 * @param signal ends the reading before that, after what has been written by then
 * @returns resolves at the end; a reading error is the end too, since the writer's status tells the rest
 */
export function readPipe(
  fd: number,
  onChunk: (chunk: Uint8Array) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = openPipe(fd, "read");
  let isResting = false;
  let isClosed = false;
  let handled = 0;
  /** So many bytes are enough. */
  let limit = Infinity;
  const take = (chunk: Uint8Array) => {
    const start = performance.now();
    let taken = 0;
    let ms: number;
    do {
      onChunk(chunk.subarray(taken, taken += SLICE_BYTES));
      ms = performance.now() - start;
    } while (taken < chunk.length && ms < TURN_MS);
    const rest = chunk.subarray(taken);
    handled += chunk.length - rest.length;
    if (rest.length === 0 && ms < TURN_MS) return goOn();
    isResting = true;
    socket.pause();
    setTimeout(() => rest.length > 0 ? take(rest) : goOn(), restAfter(start, ms));
  };
  const goOn = () => {
    isResting = false;
    if (isClosed) resolve();
    else if (handled >= limit) socket.destroy();
    else socket.resume();
  };
  signal?.addEventListener("abort", () => {
    if (socket.destroyed) return;
    limit = socket.bytesRead + unreadBytes(fd);
    // Whoever else has the pipe may read from it, too: what is missing then does not come any more.
    const look = setInterval(() => {
      const isAllHandled = !isResting && handled === socket.bytesRead;
      if (isAllHandled && !socket.destroyed && unreadBytes(fd) === 0) socket.destroy();
    }, LOOK_MS);
    socket.on("close", () => clearInterval(look));
    if (!isResting) goOn();
  }, { once: true });
  socket.on("data", take);
  socket.on("error", () => socket.destroy());
  // The end can come while there is something left of what was read before.
  socket.on("close", () => {
    isClosed = true;
    if (!isResting) resolve();
  });
  return promise;
}

/** Reads a pipe to its end as text. */
export async function readPipeText(fd: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  await readPipe(fd, (chunk) => text += decoder.decode(chunk, { stream: true }));
  return text + decoder.decode();
}

/**
 * Writes text to a pipe and closes it.
 *
 * @param fd the write end; closed afterwards
 * @returns resolves when all is written, or when nobody reads any more: the reader's status tells the rest
 */
export function writePipe(fd: number, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = openPipe(fd, "write");
  socket.on("error", () => socket.destroy());
  socket.on("close", () => resolve());
  socket.end(text);
  return promise;
}
