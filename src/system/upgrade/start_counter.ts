import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../log/error_chain.ts";
import { type Digest, isDigest } from "../../registry/digest.ts";
import { within } from "../within.ts";

const logger = getLogger(["frontloader", "upgrade"]);

/** A block of 512 bytes that outlives the running system. */
export interface CountBlock {
  /** @throws {Error} if it cannot be read */
  read(): Promise<Uint8Array>;
  /** @throws {Error} if it cannot be written */
  write(block: Uint8Array): Promise<void>;
}

const BLOCK_BYTES = 512;
/** A disk that does not answer must not keep the machine from anything. */
const PATIENCE_MS = 10_000;

/**
 * Counts how often a system was started by an upgrade, until it has shown that it runs: one whose kernel panics brings the
 * machine back to the system of its disk, which would start it again and again.
 *
 * There is one count, for the image that was started last. Without a block to keep it in, or with one that cannot be read,
 * nothing has ever been started.
 */
export class StartCounter {
  readonly #findBlock: () => CountBlock | undefined;

  /** @param findBlock is asked each time, since disks may come late; undefined if there is none */
  constructor(findBlock: () => CountBlock | undefined) {
    this.#findBlock = findBlock;
  }

  /** How often an image was started since it has last shown that it runs. */
  async starts(digest: Digest): Promise<number> {
    try {
      const count = await read(this.#findBlock());
      return count?.digest === digest ? count.starts : 0;
    } catch (error) {
      warn(error);
      return 0;
    }
  }

  /**
   * Counts a start, right before it.
   *
   * @returns what came of it, for the log
   * @throws {Error} if it cannot be written down
   */
  async add(digest: Digest): Promise<string> {
    const block = this.#findBlock();
    if (block === undefined) return "no disk of this machine has a place for it";
    const starts = await this.starts(digest) + 1;
    await patiently(block.write(format({ digest, starts })));
    return `start ${starts} of ${digest}`;
  }

  /**
   * Notes that an image runs: it starts from nought again.
   *
   * @returns false if that could not be written down
   */
  async confirm(digest: Digest): Promise<boolean> {
    try {
      const block = this.#findBlock();
      if ((await read(block))?.digest !== digest) return true;
      await patiently(block!.write(new Uint8Array(BLOCK_BYTES)));
      logger.info("This system runs: its starts are no longer counted", { digest });
      return true;
    } catch (error) {
      warn(error);
      return false;
    }
  }
}

/** What is in the block: JSON, and spaces behind it. Anything else is no count. */
interface Count {
  readonly digest: Digest;
  readonly starts: number;
}

async function read(block: CountBlock | undefined): Promise<Count | undefined> {
  return block && parse(await patiently(block.read()));
}

function format(count: Count): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(count).padEnd(BLOCK_BYTES));
}

function parse(block: Uint8Array): Count | undefined {
  let count: Partial<Record<keyof Count, unknown>> | null;
  try {
    count = JSON.parse(new TextDecoder().decode(block));
  } catch {
    return undefined;
  }
  const { digest, starts } = count ?? {};
  if (typeof digest !== "string" || !isDigest(digest) || !Number.isSafeInteger(starts)) {
    return undefined;
  }
  return { digest, starts: Number(starts) };
}

function patiently<T>(access: Promise<T>): Promise<T> {
  return within(
    PATIENCE_MS,
    access,
    () => new Error(`The disk has not answered within ${PATIENCE_MS / 1000} s`),
  );
}

function warn(error: unknown): void {
  const reason = errorChain(error).join(": ");
  logger.warn("The starts of the next system cannot be counted: {reason}", { reason });
}
