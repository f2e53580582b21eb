import assert from "node:assert/strict";
import { StreamConnection } from "../../../src/log/syslog/stream_connection.ts";
import { openConnection } from "../../../src/log/syslog/transport.ts";
import { freePort } from "../../support/free_port.ts";

const never = new AbortController().signal;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("a host that has no address cannot be reached", async () => {
  for (const transport of ["udp", "tcp", "tls"] as const) {
    const target = { host: "no-such-host.invalid", port: 514, transport, level: "info" } as const;
    await assert.rejects(openConnection(target, never), Error);
  }
});

Deno.test("over TCP every message has its length in front", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [conn, connection] = await Promise.all([
    listener.accept(),
    openConnection({ host: "127.0.0.1", port, transport: "tcp", level: "info" }, never),
  ]);
  assert.equal(await connection.send([bytes("<1>1 a"), bytes("<1>1 ä")]), 2);
  const text = new Response(conn.readable).text();
  await connection.close();
  assert.equal(await text, "6 <1>1 a7 <1>1 ä");
});

Deno.test("a connection outlives the signal that could have given it up", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const controller = new AbortController();
  const target = { host: "127.0.0.1", port, transport: "tcp", level: "info" } as const;
  const [conn, connection] = await Promise.all([
    listener.accept(),
    openConnection(target, controller.signal),
  ]);
  controller.abort();
  assert.equal(await connection.send([bytes("<1>1 a")]), 1);
  const text = new Response(conn.readable).text();
  await connection.close();
  assert.equal(await text, "6 <1>1 a");
});

Deno.test("that a receiver has gone is known before anything is sent to nobody", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [conn, connection] = await Promise.all([
    listener.accept(),
    openConnection({ host: "127.0.0.1", port, transport: "tcp", level: "info" }, never),
  ]);
  conn.close();
  assert.match(String(await connection.broken), /the receiver has closed the connection/);
  assert.equal(await connection.send([bytes("<1>1 a")]), 0);
  await connection.close();
});

Deno.test("nobody can be reached at a port where nobody listens", async () => {
  const port = freePort();
  for (const transport of ["tcp", "tls"] as const) {
    const target = { host: "127.0.0.1", port, transport, level: "info" } as const;
    await assert.rejects(openConnection(target, never), /refused/);
  }
});

/** A stream that takes so many bytes, a few at a time, and then breaks. */
function breakingStream(bytesTaken: number) {
  const end = Promise.withResolvers<null>();
  let rest = bytesTaken;
  return {
    taken: "",
    read: () => end.promise,
    write(chunk: Uint8Array): Promise<number> {
      if (rest === 0) return Promise.reject(new Deno.errors.ConnectionReset("reset"));
      const count = Math.min(3, rest, chunk.length);
      rest -= count;
      this.taken += new TextDecoder().decode(chunk.subarray(0, count));
      return Promise.resolve(count);
    },
    closeWrite: () => Promise.resolve(end.resolve(null)),
    close: () => end.resolve(null),
  };
}

Deno.test("only what was taken to its last byte counts as sent", async () => {
  const frames = "4 aaaa3 bbb2 cc";
  const expected = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3];
  for (const [taken, count] of expected.entries()) {
    const stream = breakingStream(taken);
    const connection = new StreamConnection(stream);
    assert.equal(await connection.send(["aaaa", "bbb", "cc"].map(bytes)), count, `${taken} bytes`);
    assert.equal(stream.taken, frames.slice(0, taken));
    if (taken < frames.length) assert.match(String(await connection.broken), /reset/);
    await connection.close();
  }
});
