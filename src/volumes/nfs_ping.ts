/**
 * Asks a server whether it speaks NFS 4: a call of procedure 0, which does nothing, by RPC over TCP (RFC 5531, RFC 7530 section
 * 16.1).
 *
 * The kernel is not asked, because it asks on and on: a mount of a server that takes connections and then says nothing does not
 * end, and keeps all other NFS mounts of the machine waiting meanwhile (nfs_clid_init_mutex in fs/nfs/nfs4state.c).
 */
import { within } from "../system/within.ts";

/** What {@linkcode pingNfs} asks. */
export interface NfsPing {
  readonly address: string;
  readonly port: number;
  /** Milliseconds that it has to answer. */
  readonly patience: number;
}

const PROGRAM = 100_003;
const VERSION = 4;
/** The mark of a record's last fragment. */
const LAST_FRAGMENT = 0x80000000;
/** No answer to this call is longer: a header of six words, an empty verifier, and the range of a mismatch. */
const MAX_ANSWER = 1024;

/**
 * Asks a server whether it speaks NFS 4.
 *
 * @returns the address of this machine from which it is reached
 * @throws {Error} if it does not answer, or says no
 */
export async function pingNfs({ address, port, patience }: NfsPing): Promise<string> {
  const connection = await connect({ address, port, patience });
  try {
    await within(patience, call(connection), () => {
      return new Error(`It takes connections, but does not answer within ${patience / 1000} s`);
    });
    return (connection.localAddr as Deno.NetAddr).hostname;
  } finally {
    connection.close();
  }
}

/** @throws {Error} if the answer is not yes */
async function call(connection: Deno.TcpConn): Promise<void> {
  const id = crypto.getRandomValues(new Uint32Array(1))[0]!;
  await writeAll(connection, callOf(id));
  checkAnswer(await readRecord(connection), id);
}

function connect({ address, port, patience }: NfsPing): Promise<Deno.TcpConn> {
  const connecting = Deno.connect({ hostname: address, port });
  return within(patience, connecting, () => {
    connecting.then((connection) => connection.close(), () => {});
    return new Error(`No connection within ${patience / 1000} s`);
  });
}

/** Call message: the transaction's id, CALL, RPC version 2, program, version, procedure NULL, no credentials, no verifier. */
function callOf(id: number): Uint8Array<ArrayBuffer> {
  const words = [id, 0, 2, PROGRAM, VERSION, 0, 0, 0, 0, 0];
  const view = new DataView(new ArrayBuffer(4 + 4 * words.length));
  [LAST_FRAGMENT + 4 * words.length, ...words].forEach((word, index) =>
    view.setUint32(4 * index, word)
  );
  return new Uint8Array(view.buffer);
}

/** @throws {Error} unless it says yes */
function checkAnswer(answer: DataView, id: number): void {
  const word = (index: number) => answer.getUint32(4 * index);
  try {
    // Reply; accepted.
    if (word(0) !== id || word(1) !== 1) throw new Error("It does not speak RPC");
    if (word(2) !== 0) throw new Error("It refuses to be called");
    // The verifier: its kind, and so many bytes.
    const status = word(5 + Math.ceil(word(4) / 4));
    if (status === 0) return;
    // Not exported; versions that do not match.
    if (status === 1) throw new Error("It has no NFS");
    if (status === 2) throw new Error("It has no NFS 4");
    throw new Error(`It cannot say whether it has NFS 4: RPC status ${status}`);
  } catch (error) {
    if (error instanceof RangeError) throw new Error("It does not speak RPC", { cause: error });
    throw error;
  }
}

/** @throws {Error} if there is no record, of one fragment and not too long */
async function readRecord(connection: Deno.Conn): Promise<DataView> {
  const mark = (await readExactly(connection, 4)).getUint32(0);
  const length = mark - LAST_FRAGMENT;
  if (length < 0 || length > MAX_ANSWER) throw new Error("It does not speak RPC");
  return await readExactly(connection, length);
}

async function readExactly(connection: Deno.Conn, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const size = await connection.read(bytes.subarray(at));
    if (size === null) throw new Error("It has closed the connection");
    at += size;
  }
  return new DataView(bytes.buffer);
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
}
