/** Pipes of child processes, read and written without blocking and without a thread for each. */
import { Socket } from "node:net";

/**
 * Opens a pipe's end for asynchronous use; it is closed with the socket. (A `Deno.FsFile` would do too, but each of its
 * pending reads occupies a thread of the blocking pool: with two pipes a container that is two threads a container.)
 */
function openPipe(fd: number, direction: "read" | "write"): Socket {
  return new Socket({ fd, readable: direction === "read", writable: direction === "write" });
}

/**
 * Reads a pipe until all writers have closed it.
 *
 * @param fd the read end; closed afterwards
 * @param onChunk called with the bytes as they come
 * @param signal ends the reading before that
 * @returns resolves at the end; a reading error is the end too, since the writer's status tells the rest
 */
export function readPipe(
  fd: number,
  onChunk: (chunk: Uint8Array) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = openPipe(fd, "read");
  signal?.addEventListener("abort", () => socket.destroy(), { once: true });
  socket.on("data", (chunk: Uint8Array) => onChunk(chunk));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => resolve());
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
