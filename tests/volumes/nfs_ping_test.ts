import assert from "node:assert/strict";
import { pingNfs } from "../../src/volumes/nfs_ping.ts";
import { freePort } from "../support/free_port.ts";

/** What a server says to a call, after the id of the call and the word for a reply. */
const ANSWERS: Readonly<Record<string, number[]>> = {
  yes: [0, 0, 0, 0],
  "yes, with a verifier": [0, 1, 5, 0x61626364, 0x65000000, 0],
  "no NFS": [0, 0, 0, 1],
  "another version": [0, 0, 0, 2, 3, 3],
  "an error": [0, 0, 0, 5],
  "a refusal": [1, 1, 5],
  "half of an answer": [0, 0],
};

const rows: [answer: string, error?: RegExp][] = [
  ["yes"],
  ["yes, with a verifier"],
  ["no NFS", /^It has no NFS$/],
  ["another version", /^It has no NFS 4$/],
  ["an error", /RPC status 5/],
  ["a refusal", /^It refuses to be called$/],
  ["half of an answer", /^It does not speak RPC$/],
];

for (const [answer, error] of rows) {
  Deno.test(`a ping of a server that answers ${answer} ${error ? "fails" : "succeeds"}`, async () => {
    await using server = new Server((id) => record([id, 1, ...ANSWERS[answer]!]));
    if (error === undefined) assert.equal(await server.ping(), "127.0.0.1");
    else await assert.rejects(server.ping(), { message: error });
  });
}

Deno.test("a ping calls procedure 0 of NFS 4, which is in RFC 5531 and RFC 7530", async () => {
  await using server = new Server((id) => record([id, 1, ...ANSWERS["yes"]!]));
  await server.ping();
  const [mark, , ...words] = server.call;
  assert.equal(mark, 0x80000000 + 40);
  assert.deepEqual(words, [0, 2, 100_003, 4, 0, 0, 0, 0, 0]);
});

Deno.test("a ping of a server that speaks something else fails", async () => {
  await using server = new Server(() => new TextEncoder().encode("SSH-2.0-OpenSSH_9.2\r\n"));
  await assert.rejects(server.ping(), { message: "It does not speak RPC" });
});

Deno.test("a ping of a server that answers another call fails", async () => {
  await using server = new Server((id) => record([id + 1, 1, ...ANSWERS["yes"]!]));
  await assert.rejects(server.ping(), { message: "It does not speak RPC" });
});

Deno.test("a ping of a server that closes the connection fails", async () => {
  await using server = new Server(() => new Uint8Array());
  await assert.rejects(server.ping(), { message: "It has closed the connection" });
});

Deno.test("a ping of a server that says nothing fails in time", async () => {
  await using server = new Server(() => undefined);
  // Long enough for a busy machine to connect.
  await assert.rejects(server.ping(1_000), {
    message: "It takes connections, but does not answer within 1 s",
  });
});

Deno.test("a ping of a port where nobody listens fails", async () => {
  const nobody = { address: "127.0.0.1", port: freePort(), patience: 10_000 };
  await assert.rejects(pingNfs(nobody), { message: /refused/ });
});

/** Takes one connection, and answers the call with bytes; with none it closes it, with undefined it says nothing. */
class Server implements AsyncDisposable {
  /** The words of the call. */
  call: number[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  #connection: Deno.Conn | undefined;

  constructor(answer: (id: number) => Uint8Array | undefined) {
    this.#serving = this.#serve(answer);
  }

  ping(patience = 10_000): Promise<string> {
    const { hostname: address, port } = this.#listener.addr;
    return pingNfs({ address, port, patience });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    this.#connection?.close();
  }

  async #serve(answer: (id: number) => Uint8Array | undefined): Promise<void> {
    try {
      this.#connection = await this.#listener.accept();
    } catch {
      // Closed before anybody came.
      return;
    }
    const bytes = new Uint8Array(44);
    await this.#connection.read(bytes);
    const view = new DataView(bytes.buffer);
    this.call = Array.from({ length: 11 }, (_, index) => view.getUint32(4 * index));
    const said = answer(this.call[1]!);
    if (said === undefined) return;
    if (said.length > 0) await this.#connection.write(said);
    else await (this.#connection as Deno.TcpConn).closeWrite();
  }
}

function record(words: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + 4 * words.length));
  [0x80000000 + 4 * words.length, ...words].forEach((word, index) =>
    view.setUint32(4 * index, word)
  );
  return new Uint8Array(view.buffer);
}
