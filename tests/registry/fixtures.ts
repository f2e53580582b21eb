/** What the tests of the registry client share. */
import { RegistryError } from "../../src/registry/registry_error.ts";
import type { RetryPolicy } from "../../src/registry/retry.ts";

/** A policy that never waits and has no chance in it; it notes how long it was to sleep. */
export function recordingRetry(now: () => number = Date.now) {
  const sleeps: number[] = [];
  const retry: RetryPolicy = {
    attempts: 5,
    sleep: (ms, signal) => {
      sleeps.push(ms);
      signal?.throwIfAborted();
      return Promise.resolve();
    },
    random: () => 0.5,
    now,
  };
  return { retry, sleeps };
}

/** A request as the network would see it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly authorization: string | null;
}

/**
 * A `fetch` that the test answers itself, so that it can have hosts of its own, and https.
 *
 * @param answer may call the real `fetch` to send the request on to a server on loopback
 */
export function recordingFetch(
  answer: (url: URL, init: RequestInit) => Response | Promise<Response>,
) {
  const seen: SeenRequest[] = [];
  const recording: typeof fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    const headers = new Headers(init.headers);
    const authorization = headers.get("authorization");
    seen.push({ method: init.method ?? "GET", url: url.href, headers, authorization });
    return await answer(url, init);
  };
  return { fetch: recording, seen };
}

/** A response as `fetch` makes them: with a byte stream, which `new Response("text")` has not in Deno. */
export function respond(text: string, init: ResponseInit = {}): Response {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream({
    type: "bytes",
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
  return new Response(body, init);
}

/** A redirect. */
export function redirect(location: string, status = 307): Response {
  return respond("go there", { status, headers: { location } });
}

/** An HTTP server for answers that no proper one gives: it writes bytes. */
export interface RawServer extends AsyncDisposable {
  readonly origin: string;
  /** The requests so far, as text. */
  readonly requests: string[];
}

/**
 * Starts a server that reads the head of one request a connection.
 *
 * @param answer writes whatever it likes; the connection is closed when it is done
 */
export function startRawServer(
  answer: (connection: Deno.Conn, request: string) => Promise<unknown>,
): RawServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: string[] = [];
  const open = new Set<Deno.Conn>();
  const serve = async (connection: Deno.Conn) => {
    open.add(connection);
    try {
      const buffer = new Uint8Array(8192);
      const length = await connection.read(buffer) ?? 0;
      const request = new TextDecoder().decode(buffer.subarray(0, length));
      requests.push(request);
      await answer(connection, request);
    } catch {
      // The client went away, which is what many of these tests are about.
    } finally {
      if (open.delete(connection)) connection.close();
    }
  };
  const accepting = (async () => {
    for await (const connection of listener) serve(connection);
  })();
  return {
    origin: `http://127.0.0.1:${listener.addr.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) {
        open.delete(connection);
        connection.close();
      }
      await accepting;
    },
  };
}

/** Writes all of the parts, strings as UTF-8. */
export async function writeAll(connection: Deno.Conn, ...parts: (string | Uint8Array)[]) {
  for (const part of parts) {
    let bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
    while (bytes.length > 0) bytes = bytes.subarray(await connection.write(bytes));
  }
}

/** The {@linkcode RegistryError} that a promise rejects with; anything else fails the test. */
export async function registryErrorOf(promise: Promise<unknown>): Promise<RegistryError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** A signal that is never aborted and knows how many listeners it has. */
export function countingSignal() {
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  Object.assign(signal, {
    addEventListener: (type: string, listener: EventListener) => {
      listeners.add(listener);
      add(type, listener);
    },
    removeEventListener: (type: string, listener: EventListener) => {
      listeners.delete(listener);
      remove(type, listener);
    },
  });
  return { signal, listeners };
}

/** All bytes of a stream. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What a consumer got of a stream before it ended or failed. */
export async function consume(stream: ReadableStream<Uint8Array>) {
  let length = 0;
  try {
    for await (const chunk of stream) length += chunk.length;
    return { length, error: undefined };
  } catch (error) {
    return { length, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** Bytes that look like nothing, the same ones every time. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 0x2545f491;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}
