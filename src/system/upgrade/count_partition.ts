import { namesIn } from "../names_in.ts";
import type { CountBlock } from "./start_counter.ts";

/** What `buildroot-ext/board/frontloader/disk.sh` calls the partition that it makes for the count. */
const NAME = "frontloader-starts";

/**
 * Finds the partition of this machine's disk that has room for the count of starts.
 *
 * @param options where the kernel shows its devices, and where their nodes are
 * @returns undefined if there is none: the system was not started from a `disk.img`, or from one that is older
 * @throws {Error} if there are several, as while a `disk.img` is made on another disk: which is the right one cannot be told
 */
export function countPartition({ sys = "/sys", dev = "/dev" } = {}): CountBlock | undefined {
  const blocks = `${sys}/class/block`;
  const found = namesIn(blocks).filter((name) =>
    Deno.readTextFileSync(`${blocks}/${name}/uevent`).split("\n").includes(`PARTNAME=${NAME}`)
  );
  if (found.length > 1) {
    throw new Error(`Several partitions are named ${NAME}: ${found.toSorted().join(", ")}`);
  }
  const path = `${dev}/${found[0]}`;
  return found.length === 0 ? undefined : {
    async read() {
      using device = await Deno.open(path);
      const block = new Uint8Array(512);
      await device.read(block);
      return block;
    },
    async write(block) {
      using device = await Deno.open(path, { write: true });
      await device.write(block);
      await device.syncData();
    },
  };
}
